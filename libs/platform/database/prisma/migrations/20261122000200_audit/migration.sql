-- The log: one sequence of entries for each organization, and what appending to it needs. The service's role may add to the
-- log and read it; only heads, cursors and open intents change.
CREATE TABLE audit.entries (
  organization text NOT NULL,
  idx          bigint NOT NULL,
  entry_id     uuid NOT NULL,
  call_id      uuid NOT NULL,
  phase        text NOT NULL,
  time         timestamptz(3) NOT NULL,
  body         text NOT NULL,
  leaf         bytea NOT NULL,
  PRIMARY KEY (organization, idx)
);
CREATE UNIQUE INDEX entries_entry_id ON audit.entries (entry_id, organization);
CREATE INDEX entries_call_id ON audit.entries (call_id);
CREATE INDEX entries_time ON audit.entries (organization, time, idx);

CREATE TABLE audit.log_heads (
  organization text PRIMARY KEY,
  size         bigint NOT NULL,
  root         bytea NOT NULL,
  frontier     bytea NOT NULL
);

CREATE TABLE audit.edge_cursors (
  edge_id       text NOT NULL,
  epoch         bigint NOT NULL,
  committed_seq bigint NOT NULL,
  heard_at      timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (edge_id, epoch)
);

CREATE TABLE audit.open_intents (
  organization text NOT NULL,
  call_id      uuid NOT NULL,
  intent_id    uuid NOT NULL,
  idx          bigint NOT NULL,
  edge_id      text NOT NULL,
  epoch        bigint NOT NULL,
  opened_at    timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (organization, call_id)
);
CREATE INDEX open_intents_edge ON audit.open_intents (edge_id, epoch);

CREATE TABLE audit.checkpoints (
  organization text NOT NULL,
  size         bigint NOT NULL,
  root         bytea NOT NULL,
  note         text NOT NULL,
  at           timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (organization, size)
);

-- One number for each run of an audit process: the epoch of the entries that it writes itself.
CREATE SEQUENCE audit.writer_epochs;

-- A guard against accidents, also those of the owner. Whoever wants to can take it off; then the hashes tell.
CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit.% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit.entries FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.entries FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit.checkpoints FOR EACH ROW EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.checkpoints FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

GRANT SELECT, INSERT ON audit.entries, audit.checkpoints TO mcpgw_audit;
GRANT SELECT, INSERT, UPDATE ON audit.log_heads, audit.edge_cursors TO mcpgw_audit;
GRANT SELECT, INSERT, DELETE ON audit.open_intents TO mcpgw_audit;
GRANT USAGE ON SEQUENCE audit.writer_epochs TO mcpgw_audit;
