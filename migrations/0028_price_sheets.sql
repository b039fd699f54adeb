-- Microsoft's price sheets, by month. The files are among what the partner alone may read in the object store.
CREATE TABLE price_sheets (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    billing_period TEXT NOT NULL,
    -- JSON: the name, the key and the number of rows of each
    files          TEXT NOT NULL,
    imported_at    BIGINT NOT NULL,
    PRIMARY KEY (partner_id, billing_period)
);
