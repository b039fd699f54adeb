-- One text for both engines. BIGINT, BOOLEAN and TEXT are all the types there are; on SQLite the store reads BIGINT
-- and BOOLEAN as INTEGER and makes every table STRICT. A line that starts with `--sqlite ` or `--postgres ` belongs to
-- that engine alone. Times are whole seconds since 1970 UTC. Every key starts with the partner.

--sqlite CREATE TABLE sequences (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL);
--sqlite INSERT INTO sequences (name, value) VALUES ('partners', 0), ('users', 0), ('customers', 0);
--postgres CREATE SEQUENCE partners_id; CREATE SEQUENCE users_id; CREATE SEQUENCE customers_id;

CREATE TABLE partners (
    id         BIGINT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL UNIQUE,
    suspended  BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE customers (
    partner_id            BIGINT NOT NULL REFERENCES partners (id),
    id                    BIGINT NOT NULL,
    name                  TEXT NOT NULL,
    name_key              TEXT NOT NULL,
    azure_customer_id     TEXT,
    azure_customer_key    TEXT,
    street1               TEXT,
    street2               TEXT,
    city                  TEXT,
    state                 TEXT,
    zipcode               TEXT,
    country               TEXT,
    classification        TEXT NOT NULL,
    trial_expiration_date BIGINT,
    billing_contact       TEXT,
    margin_percentage     BIGINT NOT NULL,
    billing_enabled       BOOLEAN NOT NULL,
    billing_folder        TEXT NOT NULL,
    generated_external_id TEXT NOT NULL UNIQUE,
    created_at            BIGINT NOT NULL,
    updated_at            BIGINT NOT NULL,
    version               BIGINT NOT NULL,
    PRIMARY KEY (partner_id, id)
);
CREATE UNIQUE INDEX customers_name ON customers (partner_id, name_key);
CREATE UNIQUE INDEX customers_azure ON customers (partner_id, azure_customer_key);
CREATE INDEX customers_updated ON customers (partner_id, updated_at, id);

CREATE TABLE customer_tags (
    partner_id  BIGINT NOT NULL,
    customer_id BIGINT NOT NULL,
    position    BIGINT NOT NULL,
    key         TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (partner_id, customer_id, position),
    FOREIGN KEY (partner_id, customer_id) REFERENCES customers (partner_id, id) ON DELETE CASCADE
);
CREATE INDEX customer_tags_key ON customer_tags (partner_id, key, value, customer_id);

-- A user of a partner has no customer_id. key_id finds its API key, key_hash (SHA-256, hex) proves it.
CREATE TABLE users (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    id             BIGINT NOT NULL,
    customer_id    BIGINT,
    email          TEXT NOT NULL,
    email_key      TEXT NOT NULL,
    name           TEXT NOT NULL,
    role           TEXT NOT NULL,
    key_id         TEXT UNIQUE,
    key_hash       TEXT,
    key_expires_at BIGINT,
    last_used_at   BIGINT,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, customer_id) REFERENCES customers (partner_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX users_email ON users (partner_id, COALESCE(customer_id, 0), email_key);
