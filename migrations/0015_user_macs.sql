-- key_hash is keyed by the server's secret key and bound to the user, and key_mac covers what the key opens: the partner,
-- the user, its customer, its role, the key and its expiry. A row that was written without the secret key opens nothing.
-- keys_sealed says when the hashes from before, SHA-256 alone, were turned into these; 0 before that.
ALTER TABLE users ADD COLUMN key_mac TEXT NOT NULL DEFAULT '';
ALTER TABLE secret_check ADD COLUMN keys_sealed BIGINT NOT NULL DEFAULT 0;
