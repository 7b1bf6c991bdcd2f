import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { GatewayError, serverConfig, type OrganizationName, type ServerName, type ServerView } from '@mcpgw/contracts';
import { unknownServer } from '../snapshot/snapshot.js';
import { viewOf } from '../snapshot/views.js';
import { Database } from '../store/database.js';
import { Claims } from './claims.js';
import { Discovery } from './discovery.js';

const POLL_MS = 100;
/** The caller gives up after 60 s. */
const DEADLINE_MS = 55_000;

/** Waits in Postgres for the answer, whichever replica asks the server. */
@Injectable()
export class RefreshServer {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Claims) private readonly claims: Claims,
    @Inject(Discovery) private readonly discovery: Discovery,
  ) {}

  async refresh(organization: OrganizationName, server: ServerName): Promise<ServerView> {
    const since = await this.claims.requestNow(organization, server);
    if (since === undefined) throw await this.database.read((tx) => unknownServer(tx, organization, server));
    this.discovery.poke();
    const deadline = performance.now() + DEADLINE_MS;
    while (performance.now() < deadline) {
      const row = await this.database.query((client) => client.server.findUnique({ where: { organization_name: { organization, name: server } } }));
      if (!row) throw new GatewayError('not_found', `The server "${server}" of "${organization}" was deleted while it was asked.`);
      if (row.askedAt && row.askedAt >= since) return viewOf(row, serverConfig.parse(row.config));
      await pause(POLL_MS);
    }
    throw new GatewayError('timeout', `The server "${server}" of "${organization}" has not answered within ${DEADLINE_MS / 1_000} s; it is still being asked. See mcpgw status.`);
  }
}
