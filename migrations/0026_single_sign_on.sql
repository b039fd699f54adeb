-- Sign-in with OpenID Connect. A partner has up to two providers: one for its own users, and one for its customers' users.
CREATE TABLE sign_in_providers (
    partner_id BIGINT NOT NULL REFERENCES partners (id),
    -- whose users it signs in: partner or customers
    audience   TEXT NOT NULL,
    -- JSON, without secrets
    settings   TEXT NOT NULL,
    -- the client's secret, under a key that is not in the database; bound to the settings, so that changing them beside the
    -- server makes the provider unusable
    sealed     TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (partner_id, audience)
);

-- Users as providers know them. mac covers the row. There is no reference to users: what is left of a deleted one opens nothing.
CREATE TABLE user_identities (
    partner_id BIGINT NOT NULL REFERENCES partners (id),
    issuer     TEXT NOT NULL,
    subject    TEXT NOT NULL,
    user_id    BIGINT NOT NULL,
    mac        TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (partner_id, issuer, subject)
);
CREATE INDEX user_identities_user ON user_identities (partner_id, user_id);

-- Covers what a user may do and where, for sign-ins without a key, whose MAC covers that too. users_sealed says when the
-- users from before got theirs; 0 before that.
CREATE TABLE user_access (
    partner_id BIGINT NOT NULL REFERENCES partners (id),
    user_id    BIGINT NOT NULL,
    mac        TEXT NOT NULL,
    PRIMARY KEY (partner_id, user_id)
);
ALTER TABLE secret_check ADD COLUMN users_sealed BIGINT NOT NULL DEFAULT 0;
