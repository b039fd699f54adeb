-- Microsoft's invoices, as Partner Center last listed them.
CREATE TABLE microsoft_invoices (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    invoice_id     TEXT NOT NULL,
    -- days, or empty where Microsoft does not say
    invoice_date   TEXT NOT NULL,
    period_start   TEXT NOT NULL,
    period_end     TEXT NOT NULL,
    -- the month that it charges, such as 2026-10
    billing_period TEXT NOT NULL,
    -- with tax, in exact decimal digits
    total_charges  TEXT NOT NULL,
    currency       TEXT NOT NULL,
    document_type  TEXT NOT NULL,
    invoice_type   TEXT NOT NULL,
    listed_at      BIGINT NOT NULL,
    PRIMARY KEY (partner_id, invoice_id)
);

-- What was fetched: each version of the lines of an invoice, or of a month that is on none yet (then it is named unbilled-USD).
CREATE TABLE fetched_exports (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    invoice_id     TEXT NOT NULL,
    billing_period TEXT NOT NULL,
    -- reconciliation or usage
    kind           TEXT NOT NULL,
    -- Microsoft's name for the version of the data
    etag           TEXT NOT NULL,
    -- where it is, as a bill run takes it
    source         TEXT NOT NULL,
    blobs          BIGINT NOT NULL,
    bytes          BIGINT NOT NULL,
    fetched_at     BIGINT NOT NULL,
    PRIMARY KEY (partner_id, billing_period, invoice_id, kind, etag)
);

CREATE TABLE invoice_fetches (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    id             BIGINT NOT NULL,
    billing_period TEXT NOT NULL,
    -- queued, running, succeeded or failed
    state          TEXT NOT NULL,
    -- what was asked for
    request        TEXT NOT NULL,
    -- made by a command, which works on it itself: servers leave it alone
    by_command     BOOLEAN NOT NULL,
    progress       TEXT,
    -- the places of what was fetched, as bill runs take them
    sources        TEXT,
    -- why it failed: a word for programs, and a sentence
    error_code     TEXT,
    error          TEXT,
    -- one more each time that a worker takes it: a worker with another number has lost it
    attempt        BIGINT NOT NULL,
    leased_until   BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    updated_at     BIGINT NOT NULL,
    PRIMARY KEY (partner_id, id)
);
-- One at a time for a month.
CREATE UNIQUE INDEX invoice_fetches_under_way ON invoice_fetches (partner_id, billing_period)
    WHERE state IN ('queued', 'running');
