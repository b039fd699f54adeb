-- How a partner's customers see it: its name, its colour, and the host of its portal.
CREATE TABLE branding (
    partner_id  BIGINT NOT NULL PRIMARY KEY REFERENCES partners (id),
    -- empty for the partner's display name
    name        TEXT NOT NULL,
    -- six hex digits, or empty
    colour      TEXT NOT NULL,
    -- in lower case, without a port
    portal_host TEXT,
    updated_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX branding_host ON branding (portal_host);
