-- The order in which events were written, across lanes: most of those in one second have no other. 0 for events that are
-- older than this column; it is covered by the mac of all others.
--sqlite INSERT INTO sequences (name, value) VALUES ('audit_events', 0);
--postgres CREATE SEQUENCE audit_events_id;

ALTER TABLE audit_events ADD COLUMN id BIGINT NOT NULL DEFAULT 0;
DROP INDEX audit_events_at;
CREATE INDEX audit_events_at ON audit_events (partner_id, at, id, lane, seq);
