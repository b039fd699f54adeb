-- What a partner says of its statements: number prefix, due days, name and address, as JSON.
CREATE TABLE billing_settings (
    partner_id BIGINT NOT NULL REFERENCES partners (id),
    settings   TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (partner_id)
);

-- The numbers of a partner's statements, each year from 1. A run reserves them before it renders statements, and they are issued
-- in the transaction that makes these final; what is reserved and not issued then goes to the next statements.
CREATE TABLE statement_numbers (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    year           BIGINT NOT NULL,
    number         BIGINT NOT NULL,
    -- the bill that it is for, and whether it is the number of its reversal
    billing_period TEXT NOT NULL,
    customer_id    BIGINT NOT NULL,
    currency       TEXT NOT NULL,
    is_reversal    BOOLEAN NOT NULL,
    run_id         BIGINT NOT NULL,
    -- none as long as it is only reserved
    statement_id   BIGINT,
    PRIMARY KEY (partner_id, year, number)
);
CREATE INDEX statement_numbers_reserved ON statement_numbers (partner_id, run_id) WHERE statement_id IS NULL;
CREATE UNIQUE INDEX statement_numbers_statement ON statement_numbers (partner_id, statement_id) WHERE statement_id IS NOT NULL;

-- The number as it is written, when it was issued, and the day by which the statement is to be paid. None for estimates, and for
-- what earlier versions made final.
ALTER TABLE statements ADD COLUMN statement_number TEXT;
ALTER TABLE statements ADD COLUMN issued_at BIGINT;
ALTER TABLE statements ADD COLUMN due_date TEXT;
ALTER TABLE publications ADD COLUMN statement_number TEXT;
ALTER TABLE publications ADD COLUMN issued_at BIGINT;
ALTER TABLE publications ADD COLUMN due_date TEXT;
