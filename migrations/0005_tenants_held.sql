-- Customers that were made before 0003 hold their Azure tenants too; which customer holds one is said by azure_tenants alone.
INSERT INTO azure_tenants (partner_id, id, azure_customer_id, azure_customer_key, name, name_key, domain, customer_id,
    assigned_at, address_asked_at, created_at, updated_at)
SELECT c.partner_id, (SELECT COALESCE(MAX(id), 0) FROM azure_tenants) + ROW_NUMBER() OVER (ORDER BY c.id),
    c.azure_customer_id, c.azure_customer_key, '', '', '', c.id, c.created_at, 0, c.created_at, c.updated_at
FROM customers c
WHERE c.azure_customer_key IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM azure_tenants a
    WHERE a.partner_id = c.partner_id AND a.azure_customer_key = c.azure_customer_key);
--sqlite UPDATE sequences SET value = (SELECT COALESCE(MAX(id), 0) FROM azure_tenants) WHERE name = 'azure_tenants';
--postgres SELECT setval('azure_tenants_id', (SELECT COALESCE(MAX(id), 0) + 1 FROM azure_tenants), false);

-- The addresses of tenants that somebody uses are asked for first.
CREATE INDEX azure_tenants_used_address ON azure_tenants (partner_id, address_asked_at, id) WHERE customer_id IS NOT NULL;
