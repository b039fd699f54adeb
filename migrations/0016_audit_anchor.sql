-- Names this database, whatever it is copied into: an anchor outside of it says whose it is.
ALTER TABLE secret_check ADD COLUMN database_id TEXT NOT NULL DEFAULT '';
