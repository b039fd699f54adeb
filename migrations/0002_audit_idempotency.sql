-- Audit events are chained: mac covers the event and the mac before it, and a head covers where its chain ends. A
-- partner has several chains (lanes), so that transactions on different connections do not wait for each other.
CREATE TABLE audit_events (
    partner_id BIGINT NOT NULL REFERENCES partners (id),
    lane       BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    user_id    BIGINT,
    key_id     TEXT,
    action     TEXT NOT NULL,
    object     TEXT NOT NULL,
    before     TEXT,
    after      TEXT,
    reason     TEXT,
    origin     TEXT NOT NULL,
    request_id TEXT NOT NULL,
    mac        TEXT NOT NULL,
    PRIMARY KEY (partner_id, lane, seq)
);
CREATE INDEX audit_events_at ON audit_events (partner_id, at, lane, seq);

CREATE TABLE audit_heads (
    partner_id BIGINT NOT NULL REFERENCES partners (id),
    lane       BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    last_mac   TEXT NOT NULL,
    mac        TEXT NOT NULL,
    PRIMARY KEY (partner_id, lane)
);

-- The first answer to a POST, sealed with a key that is not in the database.
CREATE TABLE idempotency_keys (
    partner_id  BIGINT NOT NULL REFERENCES partners (id),
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    answer      TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (partner_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Recognises the secret key outside the database: a server with another one must not start.
CREATE TABLE secret_check (
    id          BIGINT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL
);
