-- The month whose run has planned its bills with a correction: no other has it while that run is under way.
ALTER TABLE corrections ADD COLUMN taken_by TEXT;
