-- What billing has to remember of what came before.

-- Final lines that were missing when somebody released a customer's bills of their month: for each, 16 hexadecimal digits
-- that tell it from others, one after the other.
CREATE TABLE acknowledged_lines (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    billing_period TEXT NOT NULL,
    customer_id    BIGINT NOT NULL,
    lines          TEXT NOT NULL,
    PRIMARY KEY (partner_id, billing_period, customer_id)
);

-- The run whose bills could not be made final; none where a run could not bill at all.
ALTER TABLE billing_faults ADD COLUMN run_id BIGINT;

-- The names of a correction's files: JSON. Empty for those of earlier versions.
ALTER TABLE corrections ADD COLUMN files TEXT NOT NULL DEFAULT '[]';

-- Of a month, whether its last run has failed.
CREATE INDEX bill_runs_failed ON bill_runs (partner_id, billing_period, id) WHERE state = 'failed';
CREATE INDEX bill_runs_period ON bill_runs (partner_id, billing_period, id);
