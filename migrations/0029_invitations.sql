-- Links that open one session of a user. The id is derived from the token in the link, which is stored nowhere; mac covers the
-- token and the row, so that a row that was written or changed beside the server opens nothing. There is no reference to
-- users: the invitation of a deleted one opens nothing.
CREATE TABLE invitations (
    partner_id BIGINT NOT NULL REFERENCES partners (id),
    id         TEXT NOT NULL,
    user_id    BIGINT NOT NULL,
    -- the e-mail address of who made it; empty for the operator
    invited_by TEXT NOT NULL,
    mac        TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT,
    PRIMARY KEY (partner_id, id)
);
CREATE INDEX invitations_id ON invitations (id);
CREATE INDEX invitations_user ON invitations (partner_id, user_id);
CREATE INDEX invitations_expiry ON invitations (expires_at);
