-- Azure tenants: those that a partner's directory knows, and those that were taken as given. customer_id is the customer
-- that a tenant is assigned to; a customer may hold several, and customers.azure_customer_id is the one it was made with.
--sqlite INSERT INTO sequences (name, value) VALUES ('azure_tenants', 0);
--postgres CREATE SEQUENCE azure_tenants_id;

CREATE TABLE azure_tenants (
    partner_id         BIGINT NOT NULL REFERENCES partners (id),
    id                 BIGINT NOT NULL,
    azure_customer_id  TEXT NOT NULL,
    azure_customer_key TEXT NOT NULL,
    name               TEXT NOT NULL,
    name_key           TEXT NOT NULL,
    domain             TEXT NOT NULL,
    street1            TEXT,
    street2            TEXT,
    city               TEXT,
    state              TEXT,
    zipcode            TEXT,
    country            TEXT,
    customer_id        BIGINT,
    assigned_at        BIGINT,
    address_asked_at   BIGINT NOT NULL,
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    PRIMARY KEY (partner_id, id),
    FOREIGN KEY (partner_id, customer_id) REFERENCES customers (partner_id, id)
);
CREATE UNIQUE INDEX azure_tenants_key ON azure_tenants (partner_id, azure_customer_key);
CREATE INDEX azure_tenants_customer ON azure_tenants (partner_id, customer_id, id);
CREATE INDEX azure_tenants_address ON azure_tenants (partner_id, address_asked_at, id);

-- Which customer holds a tenant is said by azure_tenants alone from now on.
DROP INDEX customers_azure;
-- Whether the directory may refresh the customer's address, or somebody set it by hand.
ALTER TABLE customers ADD COLUMN directory_address BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE directories (
    partner_id   BIGINT NOT NULL PRIMARY KEY REFERENCES partners (id),
    -- file or partner-center
    kind         TEXT NOT NULL,
    -- JSON; without secrets
    settings     TEXT NOT NULL,
    -- the credentials, under a key that is not in the database
    sealed       TEXT,
    version      BIGINT NOT NULL,
    -- where the walk through the list goes on
    cursor       TEXT,
    synced_at    BIGINT,
    failed       TEXT,
    leased_until BIGINT NOT NULL
);
