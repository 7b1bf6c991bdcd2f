import { consumerName, keyId, type ConsumerConfig, type KeyView, type OrganizationView, type ServerDefinition, type ServerHealth, type ServerView } from '@mcpgw/contracts';
import type { RegistryTransaction } from '@mcpgw/platform-database';
import { byName, loadDeclared } from '../store/load.js';
import { loadSecrets } from '../secrets/secrets.js';

/** What the edge and the PDP may know of these organizations, in the order of the names; one that is gone is left out. */
export async function loadViews(tx: RegistryTransaction, names: readonly string[], now: Date): Promise<readonly OrganizationView[]> {
  const inside = { organization: { in: [...names] } };
  const declared = await loadDeclared(tx, names);
  const revisions = await tx.organization.findMany({ where: { name: { in: [...names] } }, select: { name: true, revision: true } });
  const servers = (await tx.server.findMany({ where: inside })).sort(byName);
  const keys = await tx.apiKey.findMany({ where: { ...inside, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] }, orderBy: { id: 'asc' } });
  const secrets = await loadSecrets(tx, names);
  const configs = new Map(declared.servers.map((server) => [`${server.organization}/${server.name}`, server]));
  return declared.organizations.map((organization): OrganizationView => {
    const own = (row: { readonly organization: string }): boolean => row.organization === organization.name;
    const consumers = declared.consumers.filter(own);
    return {
      organization,
      revision: Number(revisions.find((row) => row.name === organization.name)?.revision ?? 0),
      servers: servers.filter(own).flatMap((row) => {
        const config = configs.get(`${row.organization}/${row.name}`);
        return config ? [viewOf(row, config)] : [];
      }),
      routes: declared.routes.filter(own),
      roles: declared.roles.filter(own),
      consumers,
      limits: declared.limits.filter(own),
      keys: keysOf(keys.filter(own), consumers),
      secrets: secrets.filter(own).map(({ name, version, sealed }) => ({ name, version, sealed })),
    };
  });
}

interface ServerRow {
  readonly revision: bigint;
  readonly definition: unknown;
  readonly state: string;
  readonly since: Date;
  readonly problem: string | null;
}

export function viewOf(row: ServerRow, config: ServerView['config']): ServerView {
  const health: ServerHealth = { state: row.state as ServerHealth['state'], since: row.since.toISOString(), ...(row.problem !== null && { problem: row.problem }) };
  // Pinned by discovery alone, from a parsed reply; the bus parses it once more on its way out.
  const definition = (row.definition ?? undefined) as ServerDefinition | undefined;
  return { config, revision: Number(row.revision), health, ...(definition && { definition }) };
}

interface KeyRow {
  readonly id: string;
  readonly consumer: string;
  readonly hash: string;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
}

/** Keys of disabled consumers, and of any that are not declared, don't exist for the edge. */
function keysOf(rows: readonly KeyRow[], consumers: readonly ConsumerConfig[]): KeyView[] {
  const enabled = new Set<string>(consumers.filter((consumer) => !consumer.disabled).map((consumer) => consumer.name));
  return rows
    .filter((row) => enabled.has(row.consumer))
    .map((row) => ({ id: keyId.parse(row.id), consumer: consumerName.parse(row.consumer), hash: row.hash, createdAt: row.createdAt.toISOString(), expiresAt: row.expiresAt?.toISOString() ?? null }));
}

