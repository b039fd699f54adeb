-- The rows of one customer and its three tags, as the store writes them. For pgbench -M prepared.
\set name random(1, 9000000000000000)
\set external random(1, 9000000000000000)
BEGIN;
INSERT INTO customers (partner_id, id, generated_external_id, created_at, updated_at, version,
    name, name_key, azure_customer_id, azure_customer_key, street1, street2, city, state, zipcode, country,
    classification, trial_expiration_date, billing_contact, margin_percentage, billing_enabled, billing_folder)
  VALUES (1, nextval('customers_id_1'), :external, 1700000000, 1700000000, 1, 'Customer ' || :name, 'customer ' || :name, NULL,
    NULL, '1 Main St', NULL, 'Springfield', 'MA', '01234', 'US', 'managed_with_access', NULL, 'billing@example.com', 0,
    FALSE, '');
INSERT INTO customer_tags (partner_id, customer_id, position, key, value)
  VALUES (1, currval('customers_id_1'), 0, 'env', 'bench'), (1, currval('customers_id_1'), 1, 'run', 'pgbench'),
    (1, currval('customers_id_1'), 2, 'tier', '1');
COMMIT;
