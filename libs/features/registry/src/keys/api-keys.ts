import { Inject, Injectable } from '@nestjs/common';
import { consumerConfig, consumerName, GatewayError, keyId, organizationName, type keySummary, type KeyId, type registryCreateKey } from '@mcpgw/contracts';
import type { RegistryTransaction } from '@mcpgw/platform-database';
import { CLOCK, KEY_FILES, KeyFiles, type Clock } from '@mcpgw/platform-runtime';
import type { z } from 'zod';
import { didYouMean } from '../declared/suggest.js';
import { Changes } from '../store/changes.js';
import { Database } from '../store/database.js';
import { requireOrganization } from '../store/organizations.js';
import { keyedHash, makeKey } from './key-text.js';

const MAX_LIVE_KEYS = 100;
/** The newest; a consumer or organization narrows it down. */
const MAX_LISTED = 5_000;

type KeySummary = z.output<typeof keySummary>;
type CreateKey = z.output<typeof registryCreateKey.request>;
type CreatedKey = z.output<typeof registryCreateKey.reply>;

@Injectable()
export class ApiKeys {
  private readonly pepper: Buffer;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Changes) private readonly changes: Changes,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(KEY_FILES) keyFiles: KeyFiles,
  ) {
    this.pepper = keyFiles.symmetric('api-key-pepper');
  }

  /** The key is in the answer and nowhere else. `conflict` when the consumer is disabled or has too many keys. */
  async create(request: CreateKey): Promise<CreatedKey> {
    const { organization, consumer } = request;
    const now = this.clock.now();
    const expiresAt = request.expiresInSeconds === undefined ? null : new Date(now + request.expiresInSeconds * 1_000);
    const { id, key } = makeKey();
    await this.changes.run(request.actor, async (tx, scope) => {
      await requireOrganization(tx, organization);
      await requireConsumer(tx, organization, consumer);
      await refuseTooMany(tx, organization, consumer, new Date(now));
      await tx.apiKey.create({ data: { id, organization, consumer, hash: keyedHash(this.pepper, key), createdAt: new Date(now), expiresAt } });
      scope.touch(organization);
      scope.record('created', `keys/${organization}/${id}`);
    });
    return { id, key, organization, consumer, expiresAt: expiresAt?.toISOString() ?? null };
  }

  async list(filter: { readonly organization?: string | undefined; readonly consumer?: string | undefined }): Promise<{ keys: KeySummary[] }> {
    const where = { ...(filter.organization && { organization: filter.organization }), ...(filter.consumer && { consumer: filter.consumer }) };
    const rows = await this.database.query((client) => client.apiKey.findMany({ where, orderBy: [{ createdAt: 'desc' }, { id: 'asc' }], take: MAX_LISTED }));
    return { keys: rows.map(summaryOf) };
  }

  /** Revoking once more changes nothing and answers the same. */
  async revoke(request: { readonly actor: string; readonly id: KeyId }): Promise<KeySummary> {
    return this.changes.run(request.actor, async (tx, scope) => {
      const row = await tx.apiKey.findUnique({ where: { id: request.id } });
      if (!row) throw new GatewayError('not_found', `There is no key "${request.id}". "mcpgw key list" shows the keys.`);
      if (row.revokedAt) return summaryOf(row);
      const organization = organizationName.parse(row.organization);
      scope.touch(organization);
      scope.record('revoked', `keys/${organization}/${request.id}`);
      return summaryOf(await tx.apiKey.update({ where: { id: request.id }, data: { revokedAt: new Date(this.clock.now()) } }));
    });
  }
}

async function requireConsumer(tx: RegistryTransaction, organization: string, name: string): Promise<void> {
  const rows = await tx.declaredObject.findMany({ where: { organization, kind: 'consumers', name }, select: { config: true } });
  const row = rows[0];
  if (!row) {
    const known = await tx.declaredObject.findMany({ where: { organization, kind: 'consumers' }, select: { name: true }, take: 2_000 });
    throw new GatewayError('not_found', `There is no consumer "${name}" in the organization "${organization}".${didYouMean(name, known.map((other) => other.name))} Add it first.`);
  }
  if (consumerConfig.parse(row.config).disabled) throw new GatewayError('conflict', `The consumer "${name}" of "${organization}" is disabled, so a key of it would not work. Enable it first.`);
}

async function refuseTooMany(tx: RegistryTransaction, organization: string, consumer: string, now: Date): Promise<void> {
  const live = await tx.apiKey.count({ where: { organization, consumer, revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] } });
  if (live >= MAX_LIVE_KEYS) throw new GatewayError('conflict', `The consumer "${consumer}" of "${organization}" has ${live} keys that work, ${MAX_LIVE_KEYS} are the most. Revoke one first.`);
}

interface KeyRow {
  readonly id: string;
  readonly organization: string;
  readonly consumer: string;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

function summaryOf(row: KeyRow): KeySummary {
  return {
    id: keyId.parse(row.id),
    organization: organizationName.parse(row.organization),
    consumer: consumerName.parse(row.consumer),
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
  };
}
