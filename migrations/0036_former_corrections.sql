-- The corrections that a statement had until it counted no more: until it was voided, or withdrawn after its customer had seen it.
-- They can be on other statements then, or go with their month; this one goes on naming them.
CREATE TABLE former_corrections (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    statement_id   BIGINT NOT NULL,
    -- the columns of corrections
    customer_id    BIGINT NOT NULL,
    billing_period TEXT NOT NULL,
    version        BIGINT NOT NULL,
    currency       TEXT NOT NULL,
    amount         TEXT NOT NULL,
    run_id         BIGINT NOT NULL,
    folder         TEXT NOT NULL,
    ledger         TEXT NOT NULL,
    files          TEXT NOT NULL,
    PRIMARY KEY (partner_id, statement_id, billing_period, version)
);

-- For statements that count no more by now, the plans of their runs have the keys of their corrections. What these were is known
-- as long as the corrections are there: those whose own month was voided too, or that were withdrawn, stay unknown.
INSERT INTO former_corrections (partner_id, statement_id, customer_id, billing_period, version, currency, amount, run_id, folder,
    ledger, files)
WITH runs AS MATERIALIZED (
    SELECT r.partner_id, r.id, r.billing_period, r.plan FROM bill_runs r
    WHERE r.plan IS NOT NULL AND EXISTS (SELECT 1 FROM statements s WHERE s.partner_id = r.partner_id
        AND s.billing_period = r.billing_period AND s.run_id = r.id AND s.status IN ('Void', 'Withdrawn'))
    -- PostgreSQL reads no JSON with this in a text.
    AND REPLACE(r.plan, '\u0000', '') = r.plan
), planned AS (
--sqlite     SELECT r.partner_id, r.id AS run_id, r.billing_period AS month, json_extract(p.value, '$.id') AS customer_id,
--sqlite         json_extract(c.value, '$.billing_period') AS billing_period, json_extract(c.value, '$.version') AS version,
--sqlite         json_extract(c.value, '$.currency') AS currency
--sqlite     FROM runs r, json_each(r.plan, '$.customers') p, json_each(p.value, '$.corrections') c
--postgres     SELECT r.partner_id, r.id AS run_id, r.billing_period AS month, CAST(p.value ->> 'id' AS BIGINT) AS customer_id,
--postgres         c.value ->> 'billing_period' AS billing_period, CAST(c.value ->> 'version' AS BIGINT) AS version,
--postgres         c.value ->> 'currency' AS currency
--postgres     FROM runs r CROSS JOIN LATERAL json_array_elements(CAST(r.plan AS JSON) -> 'customers') p
--postgres         CROSS JOIN LATERAL json_array_elements(p.value -> 'corrections') c
)
SELECT c.partner_id, s.id, c.customer_id, c.billing_period, c.version, c.currency, c.amount, c.run_id, c.folder, c.ledger, c.files
FROM planned p
JOIN statements s ON s.partner_id = p.partner_id AND s.billing_period = p.month AND s.run_id = p.run_id
    AND s.customer_id = p.customer_id AND s.currency = p.currency AND s.status IN ('Void', 'Withdrawn')
JOIN corrections c ON c.partner_id = p.partner_id AND c.customer_id = p.customer_id AND c.billing_period = p.billing_period
    AND c.version = p.version AND c.currency = p.currency;
