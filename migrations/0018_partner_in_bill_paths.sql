-- Ledgers and bills lie in a folder of their partner. `tenantry bill move-store` moves the files of a store that an earlier
-- version has written; the server does not start on it before.
UPDATE statements SET ledger = 'p' || partner_id || '/' || ledger;
UPDATE corrections SET ledger = 'p' || partner_id || '/' || ledger;
-- In a JSON text a quote within a value is escaped, so these are keys.
UPDATE bill_runs SET report = REPLACE(REPLACE(REPLACE(report,
    '"prefix":"', '"prefix":"p' || partner_id || '/'),
    '"final_prefix":"', '"final_prefix":"p' || partner_id || '/'),
    '"ledger":"_runs/', '"ledger":"_runs/p' || partner_id || '/')
WHERE report IS NOT NULL;
