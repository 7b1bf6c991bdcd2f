-- One schema and one role per service: a service connects as whoever operates the database and then takes its own role, so
-- that it can't reach another's tables even by mistake. The roles are cluster-wide and may exist from another database.
DO $$
DECLARE service text;
BEGIN
  FOREACH service IN ARRAY ARRAY['registry', 'audit', 'billing'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mcpgw_' || service) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', 'mcpgw_' || service);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- another database's migration was faster
      END;
    END IF;
    EXECUTE format('GRANT %I TO CURRENT_USER', 'mcpgw_' || service);
    EXECUTE format('CREATE SCHEMA IF NOT EXISTS %I', service);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', service, 'mcpgw_' || service);
  END LOOP;
END
$$;
