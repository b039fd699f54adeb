-- What a partner's administrator is shown of the directory: the walk through the list that is under way, the last one that
-- came to the end of the list, and what worked when the connection was last tested.
ALTER TABLE directories ADD COLUMN walk_began_at BIGINT;
-- entries of the list so far
ALTER TABLE directories ADD COLUMN walk_tenants BIGINT;
ALTER TABLE directories ADD COLUMN walked_from BIGINT;
ALTER TABLE directories ADD COLUMN walked_until BIGINT;
ALTER TABLE directories ADD COLUMN walked_tenants BIGINT;
ALTER TABLE directories ADD COLUMN tested_at BIGINT;
-- the report as JSON
ALTER TABLE directories ADD COLUMN tested TEXT;
