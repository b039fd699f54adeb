-- A user may have several API keys, each with a row of its own. role and addresses narrow what a key opens: NULL and '' where
-- they do not. key_mac covers both, as it covers the user's role, its customer and the expiry. A key that was rotated with an
-- overlap stays until its expiry, and replaced_by says which key came in its place. There is at most one default key: the one
-- that a user is created with, and that /api_key rotates.
--sqlite DROP INDEX users_email;
--sqlite ALTER TABLE users RENAME TO users_before;
--sqlite CREATE TABLE users (
--sqlite     partner_id  BIGINT NOT NULL REFERENCES partners (id),
--sqlite     id          BIGINT NOT NULL,
--sqlite     customer_id BIGINT,
--sqlite     email       TEXT NOT NULL,
--sqlite     email_key   TEXT NOT NULL,
--sqlite     name        TEXT NOT NULL,
--sqlite     role        TEXT NOT NULL,
--sqlite     created_at  BIGINT NOT NULL,
--sqlite     updated_at  BIGINT NOT NULL,
--sqlite     PRIMARY KEY (partner_id, id),
--sqlite     FOREIGN KEY (partner_id, customer_id) REFERENCES customers (partner_id, id) ON DELETE CASCADE
--sqlite );
--sqlite INSERT INTO users (partner_id, id, customer_id, email, email_key, name, role, created_at, updated_at)
--sqlite     SELECT partner_id, id, customer_id, email, email_key, name, role, created_at, updated_at FROM users_before;
--sqlite CREATE UNIQUE INDEX users_email ON users (partner_id, COALESCE(customer_id, 0), email_key);

CREATE TABLE api_keys (
    partner_id   BIGINT NOT NULL,
    -- finds the key; not secret
    id           TEXT NOT NULL,
    user_id      BIGINT NOT NULL,
    name         TEXT NOT NULL,
    role         TEXT,
    -- ranges (CIDR) with commas between them
    addresses    TEXT NOT NULL,
    key_hash     TEXT NOT NULL,
    key_mac      TEXT NOT NULL,
    is_default   BOOLEAN NOT NULL,
    replaced_by  TEXT,
    expires_at   BIGINT,
    last_used_at BIGINT,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, user_id) REFERENCES users (partner_id, id) ON DELETE CASCADE
);
--sqlite INSERT INTO api_keys (partner_id, id, user_id, name, addresses, key_hash, key_mac, is_default, expires_at, last_used_at,
--sqlite         created_at)
--sqlite     SELECT partner_id, key_id, id, 'default', '', COALESCE(key_hash, ''), key_mac, 1, key_expires_at, last_used_at,
--sqlite         updated_at
--sqlite     FROM users_before WHERE key_id IS NOT NULL;
--sqlite DROP TABLE users_before;
--postgres INSERT INTO api_keys (partner_id, id, user_id, name, addresses, key_hash, key_mac, is_default, expires_at, last_used_at,
--postgres         created_at)
--postgres     SELECT partner_id, key_id, id, 'default', '', COALESCE(key_hash, ''), key_mac, true, key_expires_at, last_used_at,
--postgres         updated_at
--postgres     FROM users WHERE key_id IS NOT NULL;
--postgres ALTER TABLE users DROP COLUMN key_id, DROP COLUMN key_hash, DROP COLUMN key_expires_at, DROP COLUMN last_used_at,
--postgres     DROP COLUMN key_mac;

CREATE UNIQUE INDEX api_keys_id ON api_keys (id);
CREATE INDEX api_keys_user ON api_keys (partner_id, user_id);
CREATE UNIQUE INDEX api_keys_default ON api_keys (partner_id, user_id) WHERE is_default;
CREATE INDEX api_keys_replaced ON api_keys (expires_at) WHERE replaced_by IS NOT NULL;
