-- What stands in the way of a partner's directory, as a word for programs beside the text, and since when; and why the last
-- walk could not follow the list to its end.
ALTER TABLE directories ADD COLUMN failed_code TEXT;
ALTER TABLE directories ADD COLUMN failed_since BIGINT;
ALTER TABLE directories ADD COLUMN list_cut_off TEXT;

-- Since when the directory no longer has the tenant. What is assigned stays assigned.
ALTER TABLE azure_tenants ADD COLUMN missing_since BIGINT;
