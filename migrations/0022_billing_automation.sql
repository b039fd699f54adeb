-- What the server does for a partner's billing by itself.
CREATE TABLE billing_automations (
    partner_id   BIGINT NOT NULL REFERENCES partners (id),
    -- what was asked for
    settings     TEXT NOT NULL,
    -- the first month that it bills
    since        TEXT NOT NULL,
    -- what it has done last, and what was wrong
    state        TEXT NOT NULL,
    leased_until BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    PRIMARY KEY (partner_id)
);
