-- What the lines of each bill cost and are charged, by product, publisher and subscription: for the partner alone.
CREATE TABLE bill_sums (
    partner_id     BIGINT NOT NULL REFERENCES partners (id),
    billing_period TEXT NOT NULL,
    customer_id    BIGINT NOT NULL,
    currency       TEXT NOT NULL,
    -- of a correction the version of its month's bill; 0 for the month's statement
    correction     BIGINT NOT NULL,
    -- JSON
    sums           TEXT NOT NULL,
    PRIMARY KEY (partner_id, billing_period, customer_id, currency, correction)
);
