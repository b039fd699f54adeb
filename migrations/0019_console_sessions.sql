-- Sessions of the console. The id is derived from the token in the cookie, which is stored nowhere; proof is a MAC over the
-- token and over what the session opens, so that a row that was changed or written without the secret key opens nothing.
-- There is no reference to users: the session of a deleted user says why it has ended.
CREATE TABLE console_sessions (
    partner_id   BIGINT NOT NULL REFERENCES partners (id),
    id           TEXT NOT NULL,
    user_id      BIGINT NOT NULL,
    customer_id  BIGINT,
    -- The user's roles when it signed in.
    role         TEXT NOT NULL,
    -- The API key that it was opened with.
    key_id       TEXT NOT NULL,
    proof        TEXT NOT NULL,
    address      TEXT NOT NULL,
    agent        TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (partner_id, id)
);
CREATE INDEX console_sessions_id ON console_sessions (id);
CREATE INDEX console_sessions_user ON console_sessions (partner_id, user_id, created_at);
CREATE INDEX console_sessions_expiry ON console_sessions (expires_at);
