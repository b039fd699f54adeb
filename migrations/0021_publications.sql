-- What customers see of statements. A run makes drafts, which the partner alone sees; publishing copies the statements of the
-- month here. What is published changes only when it is published again.
ALTER TABLE statements ADD COLUMN reverses BIGINT;
ALTER TABLE statements ADD COLUMN notice TEXT;

-- The columns of statements; the status is Estimated, Final, Withdrawn (an estimate that counts no more), Void (a final
-- statement that was reversed) or Reversal.
CREATE TABLE publications (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    -- that of the statement
    id             BIGINT NOT NULL,
    customer_id    BIGINT NOT NULL,
    billing_period TEXT NOT NULL,
    currency       TEXT NOT NULL,
    total          TEXT NOT NULL,
    status         TEXT NOT NULL,
    run_id         BIGINT NOT NULL,
    folder         TEXT NOT NULL,
    version        BIGINT NOT NULL,
    files          TEXT NOT NULL,
    ledger         TEXT NOT NULL,
    generated_at   BIGINT NOT NULL,
    stated_at      BIGINT NOT NULL,
    invoice_id     TEXT,
    reverses       BIGINT,
    notice         TEXT,
    published_at   BIGINT NOT NULL,
    PRIMARY KEY (partner_id, id)
);
CREATE INDEX publications_customer ON publications (partner_id, customer_id, id);
CREATE INDEX publications_period ON publications (partner_id, billing_period, id);

-- Until now every statement was seen by its customer.
INSERT INTO publications (partner_id, id, customer_id, billing_period, currency, total, status, run_id, folder, version, files,
    ledger, generated_at, stated_at, invoice_id, published_at)
SELECT partner_id, id, customer_id, billing_period, currency, total, status, run_id, folder, version, files,
    ledger, generated_at, stated_at, invoice_id, stated_at FROM statements;

-- The period whose published statement has the correction.
ALTER TABLE corrections ADD COLUMN published_by TEXT;
UPDATE corrections SET published_by = carried_by
WHERE EXISTS (SELECT 1 FROM statements s WHERE s.partner_id = corrections.partner_id
    AND s.customer_id = corrections.customer_id AND s.billing_period = corrections.carried_by);

-- A month that was reversed can be billed again.
DROP INDEX statements_one;
CREATE UNIQUE INDEX statements_one ON statements (partner_id, customer_id, billing_period, currency)
    WHERE status NOT IN ('Void', 'Reversal');
CREATE INDEX statements_customer ON statements (partner_id, customer_id, id);
