import { MeterTable, type Charge, type Verdict } from '@mcpgw/core-rate-limit';
import type { Principal } from '../authn/principal.js';
import type { LimitRule, OrganizationCatalog } from '../catalog/organization-catalog.js';
import type { Wanted } from '../call-tool/wanted.js';

export type Spent = { readonly allowed: true; readonly headers: Readonly<Record<string, string>> } | { readonly allowed: false; readonly retryAfterMs: number; readonly message: string; readonly headers: Readonly<Record<string, string>> };

const UNLIMITED: Spent = { allowed: true, headers: {} };

/** Applies the organization's limits to calls, counted in this process. */
export class CallLimits {
  private readonly meters = new MeterTable();

  /** Spends one call of every limit that speaks of it; `nowMs` in whole milliseconds. */
  spend(organization: OrganizationCatalog, principal: Principal, wanted: Wanted, nowMs: number): Spent {
    if (organization.limits.length === 0) return UNLIMITED;
    const rules = new Map<string, LimitRule>();
    for (const rule of organization.limits) {
      if (rule.consumer(principal.consumer) && rule.tool(`${wanted.destination.server.config.name}/${wanted.destination.target}`)) rules.set(meterKey(rule, principal, wanted), rule);
    }
    if (rules.size === 0) return UNLIMITED;
    const charges = [...rules].map(([key, rule]): Charge => ({ key, rate: rule.rate }));
    return describe(this.meters.spend(charges, Math.trunc(nowMs)), rules);
  }

  get size(): number {
    return this.meters.size;
  }
}

/** Resources share one count for each server, and so do extensions' methods: their names are the caller's to invent, and each new key takes memory. */
function meterKey(rule: LimitRule, principal: Principal, wanted: Wanted): string {
  if (rule.each === 'consumer') return `${rule.keyPrefix} ${principal.consumer}`;
  const { server, target } = wanted.destination;
  return `${rule.keyPrefix} ${principal.consumer} ${server.config.name} ${wanted.action} ${wanted.action === 'tools/call' || wanted.action === 'prompts/get' ? target : ''}`;
}

/** `RateLimit` and `RateLimit-Policy` as draft-ietf-httpapi-ratelimit-headers says, for the tightest limit. */
function describe(verdict: Verdict, rules: ReadonlyMap<string, LimitRule>): Spent {
  if (!verdict.allowed && verdict.cause === 'table-full') {
    const { retryAfterMs } = verdict;
    return { allowed: false, retryAfterMs, message: 'The gateway counts as many callers as it can. Try again later.', headers: retryHeader(retryAfterMs) };
  }
  const rule = verdict.charge && rules.get(verdict.charge.key);
  if (!rule || !verdict.tightest) return UNLIMITED;
  const { remaining, resetMs, retryAfterMs } = verdict.tightest;
  const { calls, periodMs, burst } = rule.rate;
  const headers = {
    'ratelimit-policy': `"${rule.name}";q=${calls};w=${periodMs / 1_000}`,
    ratelimit: `"${rule.name}";r=${verdict.allowed ? remaining : 0};t=${Math.ceil((verdict.allowed ? resetMs : retryAfterMs) / 1_000)}`,
  };
  if (verdict.allowed) return { allowed: true, headers };
  const message = `The limit "${rule.name}" is spent: ${calls} calls in ${periodMs / 1_000} s, ${burst} at once. Try again in ${retryAfterMs} ms.`;
  return { allowed: false, retryAfterMs, message, headers: { ...headers, ...retryHeader(retryAfterMs) } };
}

function retryHeader(retryAfterMs: number): Record<string, string> {
  return { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) };
}
