-- The filters of the audit trail, each in the order of its lists: without statistics SQLite prefers an index in that order.
CREATE INDEX audit_events_object ON audit_events (partner_id, object, at, id, lane, seq);
CREATE INDEX audit_events_user ON audit_events (partner_id, user_id, at, id, lane, seq);
CREATE INDEX audit_events_action ON audit_events (partner_id, action, at, id, lane, seq);
