-- What came from another platform.

-- Statements that were made there. They are history: no run, publication or reversal here reads or changes them.
CREATE TABLE imported_statements (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    -- of the same sequence as those of statements
    id             BIGINT NOT NULL,
    customer_id    BIGINT NOT NULL,
    -- what tells it from the customer's others there
    source_key     TEXT NOT NULL,
    -- the URL that it came from, and its id there
    source         TEXT NOT NULL,
    source_id      TEXT,
    cloud          TEXT NOT NULL,
    billing_period TEXT NOT NULL,
    currency       TEXT NOT NULL,
    total          TEXT NOT NULL,
    -- one that a statement can have
    status         TEXT NOT NULL,
    generated_at   BIGINT NOT NULL,
    stated_at      BIGINT NOT NULL,
    invoice_id     TEXT,
    invoice_date   TEXT NOT NULL,
    PRIMARY KEY (partner_id, id)
);
CREATE UNIQUE INDEX imported_statements_one ON imported_statements (partner_id, customer_id, source_key);
CREATE INDEX imported_statements_period ON imported_statements (partner_id, billing_period, id);

-- Customers that were brought over, deleted ones included: those do not come back when it is repeated.
CREATE TABLE migrated_customers (
    partner_id BIGINT NOT NULL REFERENCES partners (id),
    id         BIGINT NOT NULL,
    PRIMARY KEY (partner_id, id)
);
INSERT INTO migrated_customers (partner_id, id)
SELECT DISTINCT partner_id, CAST(SUBSTR(object, 11) AS BIGINT) FROM audit_events
WHERE action = 'customer.migrate' AND object LIKE 'customers/%';
