-- A chain whose end was not what the server had written goes on behind an event that says so; broken is that event's
-- place, 0 where there is none. The head's mac covers it.
ALTER TABLE audit_heads ADD COLUMN broken BIGINT NOT NULL DEFAULT 0;

-- What personal data is in, before and after, is covered by an event's mac through commitments: SHA-256 over the salt and
-- the text. Erasing a person's data replaces the texts, keeps the commitments and removes the salt. Events that are older
-- than these columns have none of the three; their mac covers the texts themselves.
ALTER TABLE audit_events ADD COLUMN salt TEXT;
ALTER TABLE audit_events ADD COLUMN before_commitment TEXT;
ALTER TABLE audit_events ADD COLUMN after_commitment TEXT;
