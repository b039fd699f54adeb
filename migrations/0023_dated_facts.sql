-- What holds from a day on. A fact without rows here has held from the beginning as it stands with its customer or tenant: rows
-- come with the first change, and then they are all there is to say of it. Days are such as 2026-11-03; the beginning is empty.

-- Which customer a tenant is assigned to; NULL for none.
CREATE TABLE tenant_assignments (
    partner_id         BIGINT NOT NULL REFERENCES partners (id),
    azure_customer_key TEXT NOT NULL,
    effective_from     TEXT NOT NULL,
    customer_id        BIGINT,
    -- the day was still to come when the row was written
    pending            BOOLEAN NOT NULL,
    PRIMARY KEY (partner_id, azure_customer_key, effective_from)
);
CREATE INDEX tenant_assignments_customer ON tenant_assignments (partner_id, customer_id, azure_customer_key);
CREATE INDEX tenant_assignments_pending ON tenant_assignments (partner_id, effective_from) WHERE pending;

-- A customer's margin (ten-thousandths of a percent), whether its billing is enabled (true or false), and its folder. They
-- stay when their customer is deleted.
CREATE TABLE customer_terms (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    customer_id    BIGINT NOT NULL,
    fact           TEXT NOT NULL,
    effective_from TEXT NOT NULL,
    value          TEXT NOT NULL,
    pending        BOOLEAN NOT NULL,
    PRIMARY KEY (partner_id, customer_id, fact, effective_from)
);
CREATE INDEX customer_terms_pending ON customer_terms (partner_id, effective_from) WHERE pending;

-- Deleted customers whose days can still be billed.
CREATE TABLE deleted_customers (
    partner_id        BIGINT NOT NULL REFERENCES partners (id),
    id                BIGINT NOT NULL,
    name              TEXT NOT NULL,
    margin_percentage BIGINT NOT NULL,
    billing_enabled   BOOLEAN NOT NULL,
    billing_folder    TEXT NOT NULL,
    -- the first day without it
    deleted_on        TEXT NOT NULL,
    PRIMARY KEY (partner_id, id)
);
