-- Billing. Money is text with the exact decimal digits; what has no columns of its own is JSON.
--sqlite INSERT INTO sequences (name, value) VALUES ('price_rules', 0), ('bill_runs', 0), ('statements', 0);
--postgres CREATE SEQUENCE price_rules_id; CREATE SEQUENCE bill_runs_id; CREATE SEQUENCE statements_id;

-- The first that matches a line prices it, in the order of position, then id.
CREATE TABLE price_rules (
    partner_id BIGINT NOT NULL REFERENCES partners (id),
    id         BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    -- all else that the rule says
    rule       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    PRIMARY KEY (partner_id, id)
);

CREATE TABLE bill_runs (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    id             BIGINT NOT NULL,
    billing_period TEXT NOT NULL,
    -- queued, running, succeeded, failed or cancelled
    state          TEXT NOT NULL,
    -- what was asked for: sources, rates and so on
    request        TEXT NOT NULL,
    -- made by a command, which works on it itself: servers leave it alone
    by_command     BOOLEAN NOT NULL,
    -- customers and rules as they were when the work began, so that a repetition gives the same bytes
    plan           TEXT,
    -- customers whose bills may exceed the bounds
    released       TEXT NOT NULL,
    progress       TEXT,
    -- the report, and it without its lists of customers
    report         TEXT,
    summary        TEXT,
    cancelling     BOOLEAN NOT NULL,
    -- one more each time that somebody takes the run: whoever has another number has lost it
    attempt        BIGINT NOT NULL,
    leased_until   BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (partner_id, id)
);
-- One at a time.
CREATE UNIQUE INDEX bill_runs_under_way ON bill_runs (partner_id, billing_period) WHERE state IN ('queued', 'running');

-- They stay when their customer is deleted.
CREATE TABLE statements (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    id             BIGINT NOT NULL,
    customer_id    BIGINT NOT NULL,
    billing_period TEXT NOT NULL,
    currency       TEXT NOT NULL,
    total          TEXT NOT NULL,
    -- Estimated or Final
    status         TEXT NOT NULL,
    run_id         BIGINT NOT NULL,
    -- where its bill is below the object store's root, and which version of it
    folder         TEXT NOT NULL,
    version        BIGINT NOT NULL,
    -- the names of its files, and where the partner's record of how each line was priced is
    files          TEXT NOT NULL,
    ledger         TEXT NOT NULL,
    generated_at   BIGINT NOT NULL,
    stated_at      BIGINT NOT NULL,
    invoice_id     TEXT,
    PRIMARY KEY (partner_id, id)
);
CREATE UNIQUE INDEX statements_one ON statements (partner_id, customer_id, billing_period, currency);
CREATE INDEX statements_run ON statements (partner_id, billing_period, run_id);

-- What came in for a final month: a version of its own there, and an amount on the next statement.
CREATE TABLE corrections (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    customer_id    BIGINT NOT NULL,
    billing_period TEXT NOT NULL,
    version        BIGINT NOT NULL,
    currency       TEXT NOT NULL,
    amount         TEXT NOT NULL,
    run_id         BIGINT NOT NULL,
    folder         TEXT NOT NULL,
    ledger         TEXT NOT NULL,
    -- the period whose statement has it
    carried_by     TEXT,
    PRIMARY KEY (partner_id, customer_id, billing_period, version, currency)
);

-- What the last run had against a customer's bill.
CREATE TABLE billing_faults (
    partner_id  BIGINT NOT NULL REFERENCES partners (id),
    customer_id BIGINT NOT NULL,
    reason      TEXT NOT NULL,
    PRIMARY KEY (partner_id, customer_id)
);
