-- Row-level security: on every table that has a partner, a transaction sees and writes only the rows of the partner in
-- tenantry.partner, which the engine sets at each BEGIN; if it is not set, no rows. Run after every migration; changes
-- nothing if the policies exist.
DO $$
DECLARE
    unprotected record;
BEGIN
    FOR unprotected IN
        SELECT c.oid::regclass AS name, a.attname AS partner
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
            AND a.attname = CASE c.relname WHEN 'partners' THEN 'id' ELSE 'partner_id' END
        WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
            AND NOT (c.relrowsecurity AND c.relforcerowsecurity
                AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'own_partner'))
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', unprotected.name);
        -- one_partner is the policy of earlier versions, which compared texts: a hundred times slower at a million rows.
        EXECUTE format('DROP POLICY IF EXISTS one_partner ON %s', unprotected.name);
        EXECUTE format('DROP POLICY IF EXISTS own_partner ON %s', unprotected.name);
        EXECUTE format('CREATE POLICY own_partner ON %s USING (
            (SELECT current_setting(''tenantry.partner'', true)) = ''system''
            OR %I = (SELECT CASE WHEN current_setting(''tenantry.partner'', true) ~ ''^[0-9]+$''
                     THEN current_setting(''tenantry.partner'', true)::bigint END))',
            unprotected.name, unprotected.partner);
    END LOOP;
END $$;

-- Row-level security does not apply to superusers and roles with BYPASSRLS, so their transactions switch to a role to
-- which it applies. That role owns nothing and cannot sign in.
DO $$
DECLARE
    me record;
BEGIN
    SELECT rolname AS name, rolsuper AS super, rolsuper OR rolbypassrls AS unbound INTO me
    FROM pg_roles WHERE rolname = current_user;
    IF NOT me.unbound THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tenantry_app') THEN
        BEGIN
            CREATE ROLE tenantry_app NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- roles belong to the cluster: another server has just created it
        END;
    END IF;
    IF NOT me.super AND NOT pg_has_role(me.name, 'tenantry_app', 'MEMBER') THEN
        EXECUTE format('GRANT tenantry_app TO %I', me.name);
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO tenantry_app', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO tenantry_app', current_schema());
    EXECUTE format('GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA %I TO tenantry_app', current_schema());
    REVOKE INSERT, UPDATE, DELETE ON schema_migrations, schema_compatibility FROM tenantry_app;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'row-level security does not apply to the role %, and there is no role to switch to: %',
        current_user, SQLERRM;
END $$;
