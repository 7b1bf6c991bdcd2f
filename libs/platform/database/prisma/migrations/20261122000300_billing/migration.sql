-- What billing owns. Only its own role reaches it; what was closed can be added to and never changed.

-- How far each organization's log is counted. A page moves it by compare-and-set together with the windows it adds to.
CREATE TABLE billing.usage_cursor (
  organization text PRIMARY KEY,
  next_index bigint NOT NULL DEFAULT 0 CHECK (next_index >= 0)
);

-- Rows are added to many times within their hour: free space on each page keeps those updates off the index.
CREATE TABLE billing.usage_window (
  organization text NOT NULL,
  hour timestamptz NOT NULL,
  consumer text NOT NULL,
  server text NOT NULL,
  tool text NOT NULL,
  calls bigint NOT NULL CHECK (calls >= 0),
  errors bigint NOT NULL CHECK (errors >= 0),
  unknown bigint NOT NULL CHECK (unknown >= 0),
  duration_us bigint NOT NULL CHECK (duration_us >= 0),
  bytes_in bigint NOT NULL CHECK (bytes_in >= 0),
  bytes_out bigint NOT NULL CHECK (bytes_out >= 0),
  PRIMARY KEY (organization, hour, consumer, server, tool)
) WITH (fillfactor = 70);

-- Hours whose windows grew since they were last closed: what closing has to look at, however long the history is.
CREATE TABLE billing.usage_hour (
  organization text NOT NULL,
  hour timestamptz NOT NULL,
  changed boolean NOT NULL DEFAULT true,
  PRIMARY KEY (organization, hour)
);
CREATE INDEX usage_hour_changed ON billing.usage_hour (hour, organization) WHERE changed;

-- Immutable: the columns without a prefix are what this revision adds, `total_` is the hour as it was then.
CREATE TABLE billing.window_revision (
  organization text NOT NULL,
  hour timestamptz NOT NULL,
  revision integer NOT NULL CHECK (revision >= 1),
  calls bigint NOT NULL CHECK (calls >= 0),
  duration_us bigint NOT NULL CHECK (duration_us >= 0),
  bytes bigint NOT NULL CHECK (bytes >= 0),
  total_calls bigint NOT NULL,
  total_duration_us bigint NOT NULL,
  total_bytes bigint NOT NULL,
  closed_at timestamptz NOT NULL,
  PRIMARY KEY (organization, hour, revision)
);

-- Who pays, as the registry last said; kept when an organization is deleted, so that its last hours are still reported.
CREATE TABLE billing.stripe_customer (
  organization text PRIMARY KEY,
  customer text NOT NULL
);

-- Written before anything is sent. `uncertain_since` is the first try whose end nobody knows.
CREATE TABLE billing.meter_outbox (
  identifier text PRIMARY KEY CHECK (length(identifier) <= 100),
  organization text NOT NULL,
  hour timestamptz NOT NULL,
  revision integer NOT NULL,
  meter text NOT NULL,
  customer text NOT NULL,
  value bigint NOT NULL CHECK (value > 0),
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'needs_reconcile')),
  attempts integer NOT NULL DEFAULT 0,
  uncertain_since timestamptz,
  leased_until timestamptz,
  next_try_at timestamptz,
  sent_at timestamptz,
  problem text,
  FOREIGN KEY (organization, hour, revision) REFERENCES billing.window_revision
);
CREATE INDEX meter_outbox_open ON billing.meter_outbox (state, hour, identifier) WHERE state <> 'sent';

GRANT SELECT, INSERT, UPDATE ON billing.usage_cursor, billing.usage_window, billing.usage_hour, billing.meter_outbox TO mcpgw_billing;
GRANT SELECT, INSERT ON billing.window_revision TO mcpgw_billing;
GRANT SELECT, INSERT, UPDATE, DELETE ON billing.stripe_customer TO mcpgw_billing;
