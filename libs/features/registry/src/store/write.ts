import type { ConfigKind } from '@mcpgw/contracts';
import type { RegistryTransaction } from '@mcpgw/platform-database';
import { canonicalJson } from '../declared/canonical-json.js';
import { reference, type Change, type ChangeOf, type Plan } from '../declared/plan.js';
import type { ChangeScope } from './changes.js';

/** Rows in one statement: far below what Postgres and the adapter take. */
const CHUNK = 1_000;

/** Writes what the plan says and touches nothing else. `now` stamps the keys that die with their consumers. */
export async function writePlan(tx: RegistryTransaction, plan: Plan, scope: ChangeScope, now: Date): Promise<void> {
  for (const change of plan.changes) {
    scope.touch(change.organization);
    scope.record(actionOf(change), reference(change.kind, change.organization, change.name));
  }
  await writeOrganizations(tx, ofKind(plan, 'organizations'), now);
  await writeServers(tx, ofKind(plan, 'servers'));
  for (const kind of ['routes', 'roles', 'consumers', 'limits'] as const) await writeObjects(tx, kind, ofKind(plan, kind));
  await revokeKeys(tx, ofKind(plan, 'consumers').filter(isGone), now);
}

function actionOf(change: Change): 'created' | 'updated' | 'deleted' {
  if (change.before === undefined) return 'created';
  return change.after === undefined ? 'deleted' : 'updated';
}

function ofKind<Kind extends ConfigKind>(plan: Plan, kind: Kind): readonly ChangeOf<Kind>[] {
  return plan.changes.filter((change) => change.kind === kind) as unknown as readonly ChangeOf<Kind>[];
}

function isGone(change: { readonly after?: unknown }): boolean {
  return change.after === undefined;
}

async function writeOrganizations(tx: RegistryTransaction, changes: readonly ChangeOf<'organizations'>[], now: Date): Promise<void> {
  for (const rows of chunks(changes.filter((change) => change.after !== undefined))) {
    await tx.$executeRaw`
      INSERT INTO registry.organizations (name, config)
      SELECT name, config::json FROM unnest(${rows.map((row) => row.name)}::text[], ${rows.map((row) => canonicalJson(row.after))}::text[]) AS wanted (name, config)
      ON CONFLICT (name) DO UPDATE SET config = EXCLUDED.config`;
  }
  const gone = changes.filter(isGone).map((change) => change.name);
  if (gone.length === 0) return;
  await tx.organization.deleteMany({ where: { name: { in: gone } } });
  await tx.$executeRaw`UPDATE registry.secrets SET sealed = NULL, updated_at = ${now} WHERE sealed IS NOT NULL AND organization = ANY(${gone}::text[])`;
}

/**
 * A new or changed server is asked at once. One whose program or address is another is another server: what was pinned of
 * the old one is forgotten; otherwise the pinned definition serves on until the answer is there.
 */
async function writeServers(tx: RegistryTransaction, changes: readonly ChangeOf<'servers'>[]): Promise<void> {
  for (const rows of chunks(changes.filter((change) => change.after !== undefined))) {
    await tx.$executeRaw`
      INSERT INTO registry.servers (organization, name, config)
      SELECT organization, name, config::json
      FROM unnest(${rows.map((row) => row.organization)}::text[], ${rows.map((row) => row.name)}::text[], ${rows.map((row) => canonicalJson(row.after))}::text[]) AS wanted (organization, name, config)
      ON CONFLICT (organization, name) DO UPDATE SET config = EXCLUDED.config, revision = nextval('registry.revisions'),
        state = 'pending', since = CASE WHEN servers.state = 'pending' THEN servers.since ELSE now() END, problem = NULL, failures = 0, next_ask_at = now()`;
  }
  for (const rows of chunks(changes.filter(isAnotherServer))) {
    await tx.$executeRaw`
      UPDATE registry.servers AS server SET definition = NULL, definition_digest = NULL
      FROM unnest(${rows.map((row) => row.organization)}::text[], ${rows.map((row) => row.name)}::text[]) AS other (organization, name)
      WHERE server.organization = other.organization AND server.name = other.name`;
  }
  for (const rows of chunks(changes.filter(isGone))) {
    await tx.$executeRaw`
      DELETE FROM registry.servers AS server USING unnest(${rows.map((row) => row.organization)}::text[], ${rows.map((row) => row.name)}::text[]) AS gone (organization, name)
      WHERE server.organization = gone.organization AND server.name = gone.name`;
  }
}

function isAnotherServer({ before, after }: ChangeOf<'servers'>): boolean {
  if (before === undefined || after === undefined) return false;
  const identity = (server: typeof after): string => canonicalJson([server.stdio?.command, server.stdio?.args, server.http?.url]);
  return identity(before) !== identity(after);
}

type ObjectKind = 'routes' | 'roles' | 'consumers' | 'limits';

async function writeObjects(tx: RegistryTransaction, kind: ObjectKind, changes: readonly ChangeOf<ObjectKind>[]): Promise<void> {
  for (const rows of chunks(changes.filter((change) => change.after !== undefined))) {
    await tx.$executeRaw`
      INSERT INTO registry.objects (organization, kind, name, config)
      SELECT organization, ${kind}, name, config::json
      FROM unnest(${rows.map((row) => row.organization)}::text[], ${rows.map((row) => row.name)}::text[], ${rows.map((row) => canonicalJson(row.after))}::text[]) AS wanted (organization, name, config)
      ON CONFLICT (organization, kind, name) DO UPDATE SET config = EXCLUDED.config`;
  }
  for (const rows of chunks(changes.filter(isGone))) {
    await tx.$executeRaw`
      DELETE FROM registry.objects AS object USING unnest(${rows.map((row) => row.organization)}::text[], ${rows.map((row) => row.name)}::text[]) AS gone (organization, name)
      WHERE object.kind = ${kind} AND object.organization = gone.organization AND object.name = gone.name`;
  }
}

/** A consumer that comes back under the same name must not find its old keys working. */
async function revokeKeys(tx: RegistryTransaction, consumers: readonly ChangeOf<'consumers'>[], now: Date): Promise<void> {
  for (const rows of chunks(consumers)) {
    await tx.$executeRaw`
      UPDATE registry.api_keys AS key SET revoked_at = ${now}
      FROM unnest(${rows.map((row) => row.organization)}::text[], ${rows.map((row) => row.name)}::text[]) AS gone (organization, consumer)
      WHERE key.revoked_at IS NULL AND key.organization = gone.organization AND key.consumer = gone.consumer`;
  }
}

function chunks<T>(rows: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(rows.length / CHUNK) }, (_, index) => rows.slice(index * CHUNK, (index + 1) * CHUNK));
}
