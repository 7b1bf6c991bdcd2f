import { Inject, Injectable } from '@nestjs/common';
import { GatewayError, organizationName, secretName, serverConfig, type OrganizationName, type registryListSecrets, type registryPutSecret, type SealedSecret, type SecretName } from '@mcpgw/contracts';
import { Prisma, type RegistryTransaction } from '@mcpgw/platform-database';
import { CLOCK, type Clock } from '@mcpgw/platform-runtime';
import type { z } from 'zod';
import { Changes, type ChangeScope } from '../store/changes.js';
import { Database } from '../store/database.js';
import { requireOrganization } from '../store/organizations.js';
import { secretsOf } from './references.js';

const MAX_SECRETS = 1_000;

/** Ciphertext comes in and goes out; what opens it is held by edge and runner alone. */
@Injectable()
export class Secrets {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Changes) private readonly changes: Changes,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  put(request: z.output<typeof registryPutSecret.request>): Promise<{ version: number }> {
    const { organization, name, sealed } = request;
    return this.changes.run(request.actor, async (tx, scope) => {
      await requireOrganization(tx, organization);
      const others = await tx.secret.count({ where: { organization, name: { not: name }, sealed: { not: Prisma.DbNull } } });
      if (others >= MAX_SECRETS) throw new GatewayError('conflict', `The organization "${organization}" has ${others} secrets, ${MAX_SECRETS} are the most. Delete one first.`);
      const updatedAt = new Date(this.clock.now());
      const row = await tx.secret.upsert({
        where: { organization_name: { organization, name } },
        create: { organization, name, sealed, updatedAt },
        update: { sealed, updatedAt, version: { increment: 1 } },
      });
      await this.changed(tx, scope, organization, name);
      scope.record(row.version === 1 ? 'created' : 'updated', `secrets/${organization}/${name}`);
      return { version: row.version };
    });
  }

  async list(organization: OrganizationName | undefined): Promise<z.output<typeof registryListSecrets.reply>> {
    const rows = await this.database.query((client) =>
      client.secret.findMany({ where: { ...(organization && { organization }), sealed: { not: Prisma.DbNull } }, omit: { sealed: true }, orderBy: [{ organization: 'asc' }, { name: 'asc' }] }),
    );
    return { secrets: rows.map((row) => ({ organization: organizationName.parse(row.organization), name: secretName.parse(row.name), version: row.version, updatedAt: row.updatedAt.toISOString() })) };
  }

  delete(request: { readonly actor: string; readonly organization: OrganizationName; readonly name: SecretName }): Promise<{ deleted: boolean }> {
    const { organization, name } = request;
    return this.changes.run(request.actor, async (tx, scope) => {
      const { count } = await tx.secret.updateMany({ where: { organization, name, sealed: { not: Prisma.DbNull } }, data: { sealed: Prisma.DbNull, updatedAt: new Date(this.clock.now()) } });
      if (count === 0) return { deleted: false };
      await this.changed(tx, scope, organization, name);
      scope.record('deleted', `secrets/${organization}/${name}`);
      return { deleted: true };
    });
  }

  /** A server that is started with the secret is another from now on: asked again at once, and a new revision lets its holder start it anew. */
  private async changed(tx: RegistryTransaction, scope: ChangeScope, organization: OrganizationName, name: SecretName): Promise<void> {
    scope.touch(organization);
    const servers = await tx.server.findMany({ where: { organization }, select: { name: true, config: true } });
    const using = servers.filter((server) => secretsOf(serverConfig.parse(server.config)).has(name)).map((server) => server.name);
    if (using.length === 0) return;
    await tx.$executeRaw`
      UPDATE registry.servers SET revision = nextval('registry.revisions'), next_ask_at = now(), failures = 0
      WHERE organization = ${organization} AND name = ANY(${using}::text[])`;
  }
}

/** The ciphertexts that are set, of the given names or of all. */
export async function loadSecrets(tx: RegistryTransaction, organizations: readonly string[], names?: Iterable<string>): Promise<readonly (StoredSecret & { readonly organization: string })[]> {
  const rows = await tx.secret.findMany({ where: { organization: { in: [...organizations] }, ...(names && { name: { in: [...names] } }), sealed: { not: Prisma.DbNull } }, orderBy: { name: 'asc' } });
  // Written by `put` alone, from a parsed message.
  return rows.map((row) => ({ organization: row.organization, name: secretName.parse(row.name), version: row.version, sealed: row.sealed as unknown as SealedSecret }));
}

export interface StoredSecret {
  readonly name: SecretName;
  readonly version: number;
  readonly sealed: SealedSecret;
}
