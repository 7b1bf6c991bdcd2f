import { Inject, Injectable } from '@nestjs/common';
import { registryChanged, type OrganizationName } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type { RegistryTransaction } from '@mcpgw/platform-database';
import { BUS } from '@mcpgw/platform-runtime';
import { Database } from './database.js';

const MAX_ACTOR = 256;

/** What a change did, collected while it runs. */
export interface ChangeScope {
  /** Something inside the organization is another: its revision grows with the commit, and everybody is told. */
  touch(organization: OrganizationName): void;
  /** A line of the change log: what was done to what. Never a value. */
  record(action: 'created' | 'updated' | 'deleted' | 'revoked', reference: string): void;
}

interface Bumped {
  readonly name: string;
  readonly revision: bigint;
}

/** The only way in which the registry's content changes. */
@Injectable()
export class Changes {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  async run<T>(actor: string, work: (tx: RegistryTransaction, scope: ChangeScope) => Promise<T>): Promise<T> {
    const { result, bumped } = await this.database.write(async (tx) => {
      const touched = new Set<OrganizationName>();
      const lines: { readonly action: string; readonly reference: string }[] = [];
      const result = await work(tx, { touch: (organization) => touched.add(organization), record: (action, reference) => lines.push({ action, reference }) });
      if (lines.length > 0) await log(tx, actor, lines);
      return { result, bumped: await bump(tx, [...touched]) };
    });
    for (const [organization, revision] of bumped) this.bus.publish(registryChanged, { organization, revision });
    return result;
  }
}

/** A deleted organization has no row any more and gets the next revision all the same, for the hint that it is gone. */
async function bump(tx: RegistryTransaction, names: readonly OrganizationName[]): Promise<ReadonlyMap<OrganizationName, number>> {
  if (names.length === 0) return new Map();
  const rows = await tx.$queryRaw<Bumped[]>`
    WITH bumped AS (
      UPDATE registry.organizations SET revision = nextval('registry.revisions'), changed_at = now() WHERE name = ANY(${names}::text[]) RETURNING name, revision
    )
    SELECT touched.name, COALESCE(bumped.revision, nextval('registry.revisions')) AS revision
    FROM unnest(${names}::text[]) AS touched (name) LEFT JOIN bumped USING (name)`;
  const revisions = new Map(rows.map((row) => [row.name, Number(row.revision)]));
  return new Map(names.map((name) => [name, revisions.get(name) as number]));
}

/** One statement for all: an apply may have tens of thousands. Who acts is told by another service: kept to one line of sane length. */
async function log(tx: RegistryTransaction, actor: string, lines: readonly { readonly action: string; readonly reference: string }[]): Promise<void> {
  const by = actor.replace(/\p{C}/gu, ' ').slice(0, MAX_ACTOR);
  await tx.$executeRaw`
    INSERT INTO registry.changes (actor, action, reference)
    SELECT ${by}, action, reference FROM unnest(${lines.map((line) => line.action)}::text[], ${lines.map((line) => line.reference)}::text[]) WITH ORDINALITY AS line (action, reference, place) ORDER BY place`;
}
