import { LIMIT_PERIOD_SECONDS, type ConsumerConfig, type JwtIssuerConfig, type LimitConfig, type OrganizationName, type OrganizationView, type ServerName, type ServerView } from '@mcpgw/contracts';
import type { Rate } from '@mcpgw/core-rate-limit';
import { AppDomains } from './app-domains.js';
import { Endpoint } from './endpoint.js';
import { namingOf } from './route-names.js';
import { wildcard } from './wildcard.js';

export interface LimitRule {
  readonly name: string;
  readonly consumer: (name: string) => boolean;
  readonly tool: (name: string) => boolean;
  readonly each: LimitConfig['each'];
  readonly rate: Rate;
  /** Begins every meter key of this limit; holds the rate, so that a changed limit starts afresh. */
  readonly keyPrefix: string;
}

let generation = 0;

/** One organization at one revision, indexed for the hot path. Immutable; endpoints are built when first asked for. */
export class OrganizationCatalog {
  readonly name: OrganizationName;
  readonly consumers: ReadonlyMap<string, ConsumerConfig>;
  readonly limits: readonly LimitRule[];
  readonly domains: AppDomains;
  private readonly roles: ReadonlySet<string>;
  private readonly servers: ReadonlyMap<ServerName, ServerView>;
  private readonly generation = ++generation;
  private readonly endpoints = new Map<string | undefined, Endpoint>();

  constructor(readonly view: OrganizationView) {
    this.name = view.organization.name;
    this.consumers = new Map(view.consumers.map((consumer) => [consumer.name as string, consumer]));
    this.servers = new Map(view.servers.map((server) => [server.config.name, server]));
    this.roles = new Set(view.roles.map((role) => role.name as string));
    this.domains = new AppDomains(view.organization.apps);
    this.limits = view.limits.map((limit) => limitRule(this.name, limit));
  }

  get regulated(): boolean {
    return this.view.organization.audit.mode === 'regulated';
  }

  get issuers(): readonly JwtIssuerConfig[] {
    return this.view.organization.jwt;
  }

  server(name: ServerName): ServerView | undefined {
    return this.servers.get(name);
  }

  /** Those of the names that are roles here, once each, sorted. */
  knownRoles(names: readonly string[]): readonly string[] {
    return [...new Set(names)].filter((name) => this.roles.has(name)).sort();
  }

  /** All servers without a route; `undefined` for a route that doesn't exist. */
  endpoint(route: string | undefined): Endpoint | undefined {
    const known = this.endpoints.get(route);
    if (known) return known;
    const config = route === undefined ? undefined : this.view.routes.find((candidate) => candidate.name === route);
    if (route !== undefined && !config) return undefined;
    const servers = this.view.servers.filter((server) => !config || config.servers.includes(server.config.name));
    const endpoint = new Endpoint(`${this.generation}/${route ?? ''}`, namingOf(config), servers, { toolSearch: config?.toolSearch ?? false, domains: this.domains });
    this.endpoints.set(route, endpoint);
    return endpoint;
  }
}

function limitRule(organization: string, limit: LimitConfig): LimitRule {
  const rate: Rate = { calls: limit.calls, periodMs: LIMIT_PERIOD_SECONDS[limit.per] * 1_000, burst: limit.burst ?? limit.calls };
  return {
    name: limit.name,
    consumer: wildcard(limit.consumer),
    tool: wildcard(limit.tool),
    each: limit.each,
    rate,
    keyPrefix: JSON.stringify([organization, limit.name, rate.calls, rate.periodMs, rate.burst, limit.each]),
  };
}
