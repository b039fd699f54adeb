-- How many customers a partner has in each block of 8192 ids, counted by those who create and delete them. Their sum is
-- the length of the list, and the page that begins at the n-th customer is found without walking n rows. On PostgreSQL
-- each transaction counts in a lane of its own, so that none waits for another; a lane alone may be below zero.
CREATE TABLE customer_blocks (
    partner_id BIGINT NOT NULL REFERENCES partners (id),
    block      BIGINT NOT NULL,
    lane       BIGINT NOT NULL,
    customers  BIGINT NOT NULL,
    PRIMARY KEY (partner_id, block, lane)
);
INSERT INTO customer_blocks (partner_id, block, lane, customers)
    SELECT partner_id, id / 8192, 0, COUNT(*) FROM customers GROUP BY partner_id, id / 8192;

-- The filters of lists, in the order of lists.
CREATE INDEX customers_classification ON customers (partner_id, classification, id);
CREATE INDEX customers_trial ON customers (partner_id, trial_expiration_date, id);
CREATE INDEX customers_billing ON customers (partner_id, billing_enabled, id);
