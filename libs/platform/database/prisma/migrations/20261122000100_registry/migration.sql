-- Configuration is `json`, not `jsonb`: a server's definition keeps the order of its members as agents see them, and jsonb
-- refuses the escape \u0000, which an upstream may send.
CREATE SEQUENCE registry.revisions AS bigint;

CREATE TABLE registry.organizations (
  name       text PRIMARY KEY,
  config     json NOT NULL,
  revision   bigint NOT NULL DEFAULT nextval('registry.revisions'::regclass),
  changed_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE registry.servers (
  organization      text NOT NULL,
  name              text NOT NULL,
  config            json NOT NULL,
  revision          bigint NOT NULL DEFAULT nextval('registry.revisions'::regclass),
  definition        json,
  definition_digest text,
  state             text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'ready', 'failed')),
  since             timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  problem           text,
  failures          integer NOT NULL DEFAULT 0,
  next_ask_at       timestamptz(3) DEFAULT CURRENT_TIMESTAMP,
  asked_at          timestamptz(3),
  claimed_by        text,
  claimed_until     timestamptz(3),
  PRIMARY KEY (organization, name)
);
CREATE INDEX servers_next_ask_at ON registry.servers (next_ask_at);

CREATE TABLE registry.objects (
  organization text NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('routes', 'roles', 'consumers', 'limits')),
  name         text NOT NULL,
  config       json NOT NULL,
  PRIMARY KEY (organization, kind, name)
);

CREATE TABLE registry.api_keys (
  id           text PRIMARY KEY,
  organization text NOT NULL,
  consumer     text NOT NULL,
  hash         text NOT NULL,
  created_at   timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  expires_at   timestamptz(3),
  revoked_at   timestamptz(3)
);
CREATE UNIQUE INDEX api_keys_hash ON registry.api_keys (hash);
CREATE INDEX api_keys_consumer ON registry.api_keys (organization, consumer);

CREATE TABLE registry.secrets (
  organization text NOT NULL,
  name         text NOT NULL,
  version      integer NOT NULL DEFAULT 1,
  sealed       json,
  updated_at   timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (organization, name)
);

CREATE TABLE registry.operator_tokens (
  hash       text PRIMARY KEY,
  operator   text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE registry.changes (
  id        bigserial PRIMARY KEY,
  at        timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  actor     text NOT NULL,
  action    text NOT NULL,
  reference text NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON registry.organizations, registry.servers, registry.objects, registry.api_keys, registry.secrets, registry.operator_tokens TO mcpgw_registry;
-- What was changed can be added to, never edited.
GRANT SELECT, INSERT ON registry.changes TO mcpgw_registry;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA registry TO mcpgw_registry;
