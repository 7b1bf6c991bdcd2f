import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { GatewayError } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import { createRegistryClient, Prisma, type RegistryClient, type RegistryTransaction } from '@mcpgw/platform-database';
import { BUS, HEALTH, Health, LOGGER, Periodic, type Logger } from '@mcpgw/platform-runtime';
import { REGISTRY_CONFIG, type RegistryConfig } from '../registry.config.js';
import { outageOf } from './outage.js';

const PROBE_MS = 1_000;
/** For a connection: less than the 5 s that most callers wait, so that they hear why. */
const MAX_WAIT_MS = 3_000;
/** For a whole transaction: less than the 15 s that the caller of an apply waits. */
const TRANSACTION_MS = 14_000;
/** Any constant: whoever writes to the registry takes this lock, so that what was checked still holds when it is committed. */
const WRITE_LOCK = 727_073_692;

/** The registry's Postgres. While it is away every use fails with `unavailable`, and the health says what is awaited. */
@Injectable()
export class Database implements OnModuleInit, OnApplicationShutdown {
  private readonly client: RegistryClient;
  private readonly place: string;
  private readonly probing: Periodic;

  constructor(
    @Inject(REGISTRY_CONFIG) config: RegistryConfig,
    @Inject(HEALTH) private readonly health: Health,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(BUS) private readonly bus: Bus,
  ) {
    this.place = placeOf(config.databaseUrl);
    this.client = createRegistryClient({ url: config.databaseUrl, onError: (error) => this.logger.warn({ error: error.message }, 'a database connection was lost') });
    this.probing = new Periodic(PROBE_MS, () => this.probe(), () => {});
  }

  onModuleInit(): void {
    this.health.require('database', `Start Postgres at ${this.place}.`);
    this.health.require('bus', 'Start NATS, or set MCPGW_NATS_URL.');
    void this.probing.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.probing.close();
    await this.client.$disconnect();
  }

  /** One consistent view of everything, however many queries it takes. */
  read<T>(work: (tx: RegistryTransaction) => Promise<T>): Promise<T> {
    return this.guard(() => this.client.$transaction(work, { isolationLevel: Prisma.TransactionIsolationLevel.RepeatableRead, maxWait: MAX_WAIT_MS, timeout: TRANSACTION_MS }));
  }

  /** One writer at a time among all replicas: changes are rare, and each may depend on anything. */
  write<T>(work: (tx: RegistryTransaction) => Promise<T>): Promise<T> {
    const locked = async (tx: RegistryTransaction): Promise<T> => {
      await tx.$executeRaw`SELECT pg_advisory_xact_lock(${WRITE_LOCK})`;
      return work(tx);
    };
    return this.guard(() => this.client.$transaction(locked, { maxWait: MAX_WAIT_MS, timeout: TRANSACTION_MS }));
  }

  /** Statements that each stand alone. */
  query<T>(work: (client: RegistryClient) => Promise<T>): Promise<T> {
    return this.guard(() => work(this.client));
  }

  private async guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const outage = outageOf(cause, this.place);
      if (outage === undefined) throw cause;
      this.health.fail('database', outage);
      throw new GatewayError('unavailable', `The registry can't work now: ${outage.message} ${outage.action}`, { cause });
    }
  }

  private async probe(): Promise<void> {
    const busProblem = this.bus.problem();
    if (busProblem === undefined) this.health.ok('bus');
    else this.health.fail('bus', { message: busProblem, action: 'It reconnects by itself once NATS is back.' });
    await this.query((client) => client.organization.findFirst({ select: { name: true } }));
    this.health.ok('database');
  }
}

/** Host, port and database: never the user's password. A Unix socket's folder stands in the query. */
function placeOf(url: string): string {
  const [address = '', query = ''] = url.replace(/^[a-z]+:\/\//, '').split('?', 2);
  const place = address.slice(address.lastIndexOf('@') + 1);
  return `${place.startsWith('/') ? (new URLSearchParams(query).get('host') ?? '') : ''}${place}`;
}
