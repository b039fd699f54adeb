-- A shard is called a shard: of the audit chain, and of the counts of customers.
ALTER TABLE audit_events RENAME COLUMN lane TO shard;
ALTER TABLE audit_heads RENAME COLUMN lane TO shard;
ALTER TABLE audit_cuts RENAME COLUMN lane TO shard;
ALTER TABLE customer_blocks RENAME COLUMN lane TO shard;
