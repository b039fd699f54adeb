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
