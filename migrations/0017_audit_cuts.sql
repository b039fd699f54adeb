-- Where a chain begins since older events were exported and pruned: behind the event of this place, which had this mac.
CREATE TABLE audit_cuts (
    partner_id BIGINT NOT NULL REFERENCES partners (id),
    lane       BIGINT NOT NULL,
    seq        BIGINT NOT NULL,
    last_mac   TEXT NOT NULL,
    mac        TEXT NOT NULL,
    PRIMARY KEY (partner_id, lane)
);
