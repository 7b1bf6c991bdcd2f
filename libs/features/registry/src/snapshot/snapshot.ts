import { Inject, Injectable } from '@nestjs/common';
import { GatewayError, organizationName, serverConfig, type OrganizationName, type OrganizationView, type registryServer, type registrySnapshot, type ServerName } from '@mcpgw/contracts';
import type { RegistryTransaction } from '@mcpgw/platform-database';
import { CLOCK, type Clock } from '@mcpgw/platform-runtime';
import type { z } from 'zod';
import { didYouMean } from '../declared/suggest.js';
import { loadSecrets } from '../secrets/secrets.js';
import { secretsOf } from '../secrets/references.js';
import { Database } from '../store/database.js';
import { requireOrganization } from '../store/organizations.js';
import { loadViews } from './views.js';

const MAX_REPLY_BYTES = 4 * 1_048_576;
/** Organizations are loaded in steps of 1, 2, 4 … of them: few queries for many small ones, little in vain for big ones. */
const MAX_STEP = 64;

type Reply = z.output<typeof registrySnapshot.reply>;

/** The pull side of "hints travel, truth is pulled". */
@Injectable()
export class Snapshot {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  changedSince(known: Readonly<Record<string, number>>): Promise<Reply> {
    return this.database.read(async (tx) => {
      const rows = await tx.organization.findMany({ select: { name: true, revision: true }, orderBy: { name: 'asc' } });
      const names = new Set(rows.map((row) => row.name));
      const stale = rows.filter((row) => !Object.hasOwn(known, row.name) || known[row.name] !== Number(row.revision)).map((row) => row.name);
      const changed = await this.viewsThatFit(tx, stale);
      const removed = Object.keys(known).filter((name) => !names.has(name)).flatMap((name) => organizationName.safeParse(name).data ?? []);
      return { changed, removed, more: changed.length < stale.length };
    });
  }

  /** What a runner starts a server with: its configuration and the ciphertexts that it refers to. */
  server(organization: OrganizationName, name: ServerName): Promise<z.output<typeof registryServer.reply>> {
    return this.database.read(async (tx) => {
      const row = await tx.server.findUnique({ where: { organization_name: { organization, name } }, select: { config: true, revision: true } });
      if (!row) throw await unknownServer(tx, organization, name);
      const config = serverConfig.parse(row.config);
      const secrets = await loadSecrets(tx, [organization], secretsOf(config));
      return { config, revision: Number(row.revision), secrets: secrets.map((secret) => ({ name: secret.name, version: secret.version, sealed: secret.sealed })) };
    });
  }

  private async viewsThatFit(tx: RegistryTransaction, names: readonly string[]): Promise<OrganizationView[]> {
    const views: OrganizationView[] = [];
    const now = new Date(this.clock.now());
    let bytes = 0;
    for (let from = 0, step = 1; from < names.length; from += step, step = Math.min(step * 2, MAX_STEP)) {
      for (const view of await loadViews(tx, names.slice(from, from + step), now)) {
        bytes += Buffer.byteLength(JSON.stringify(view));
        if (bytes > MAX_REPLY_BYTES && views.length > 0) return views;
        views.push(view);
      }
    }
    return views;
  }
}

export async function unknownServer(tx: RegistryTransaction, organization: OrganizationName, name: ServerName): Promise<GatewayError> {
  await requireOrganization(tx, organization);
  const known = await tx.server.findMany({ where: { organization }, select: { name: true } });
  return new GatewayError('not_found', `There is no server "${name}" in the organization "${organization}".${didYouMean(name, known.map((other) => other.name))}`);
}
