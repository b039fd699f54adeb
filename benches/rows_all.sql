-- All that Tenantry writes for one customer: its row and its tags, an audit event of the usual size and the head of its
-- chain, the first answer under an Idempotency-Key, and the count of its block. For pgbench -M prepared.
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
INSERT INTO customer_blocks (partner_id, block, shard, customers)
  VALUES (1, currval('customers_id_1') / 8192, 1000 + :client_id, 1)
  ON CONFLICT (partner_id, block, shard) DO UPDATE SET customers = customer_blocks.customers + excluded.customers;
INSERT INTO audit_heads (partner_id, shard, seq, last_mac, mac)
  VALUES (1, 1000 + :client_id, 1, repeat('0', 64), repeat('0', 64))
  ON CONFLICT (partner_id, shard) DO UPDATE SET seq = audit_heads.seq + 1;
INSERT INTO audit_events (partner_id, shard, seq, id, at, user_id, key_id, action, object, before, after, reason, origin,
    request_id, mac)
  SELECT 1, shard, seq, nextval('audit_events_id_1'), 1700000000, 1, 'x0123456789abcdef', 'customer.create', 'customers/' || currval('customers_id_1'), NULL,
    repeat('x', 580), NULL, '127.0.0.1', repeat('0', 32), repeat('0', 64)
  FROM audit_heads WHERE partner_id = 1 AND shard = 1000 + :client_id;
INSERT INTO idempotency_keys (partner_id, key, fingerprint, answer, created_at)
  VALUES (1, 'key ' || :name, repeat('0', 64), repeat('x', 70), 1700000000);
COMMIT;
