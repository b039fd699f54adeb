-- The partner's logo, as the server has written it. In a table of its own, so that nothing but the answer with the picture reads it.
CREATE TABLE branding_logos (
    partner_id BIGINT NOT NULL PRIMARY KEY REFERENCES partners (id),
    -- the start of the SHA-256 of the picture, in hex: its name where it is served
    digest     TEXT NOT NULL,
    -- in pixels
    width      BIGINT NOT NULL,
    height     BIGINT NOT NULL,
    -- a PNG in base64
    png        TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX branding_logos_digest ON branding_logos (digest);
