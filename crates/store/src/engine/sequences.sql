-- Sequences for up to a hundred partners that lack some: of an older version, where all partners shared one sequence of
-- each kind, or added by hand. Each begins behind the last id that is known.
DO $$
DECLARE
    missing record;
    name text;
    last_id bigint;
BEGIN
    FOR missing IN
        SELECT p.id AS partner, k.kind
        FROM (SELECT id FROM ({partners}) partners WHERE {is_missing} ORDER BY id LIMIT 100) p, (VALUES {kinds}) k (kind)
        WHERE to_regclass(k.kind || '_id_' || p.id) IS NULL
    LOOP
        name := format('%s_id_%s', missing.kind, missing.partner);
        EXECUTE format('CREATE SEQUENCE %I', name);
        EXECUTE format('SELECT MAX(id) FROM %I WHERE partner_id = %s', missing.kind, missing.partner) INTO last_id;
        last_id := GREATEST(last_id, pg_sequence_last_value(to_regclass(missing.kind || '_id_before')));
        IF last_id > 0 THEN
            PERFORM setval(name::regclass, last_id);
        END IF;
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tenantry_app') THEN
            EXECUTE format('GRANT SELECT, UPDATE ON SEQUENCE %I TO tenantry_app', name);
        END IF;
    END LOOP;
END $$;
