import type { AppDomains as AllowedDomains, ServerView } from '@mcpgw/contracts';
import { isObject, type JsonObject } from '@mcpgw/core-mcp-wire';

const MAX_REPORTED = 256;
const MAX_SHOWN_CHARACTERS = 128;
const GOVERNED = ['connectDomains', 'resourceDomains'] as const;
const ORIGIN = /^((?:https?|wss?):\/\/)(\*\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d{1,5})?)\/?$/;

/**
 * Which origins the apps of an organization's servers may use (MCP Apps: `_meta.ui.csp` of a resource). Denied unless the
 * configuration names them: an app runs in the user's browser, where it could carry away what it was shown.
 */
export class AppDomains {
  private readonly removed = new Set<string>();

  constructor(private readonly allowed: AllowedDomains | undefined) {}

  /** What was cut away so far, as `<server> <directive> <origin>`; the first 256. */
  report(): readonly string[] {
    return [...this.removed];
  }

  /** An item or its contents with its content security policy cut down; the same object when nothing had to go. */
  cut(server: ServerView, item: JsonObject): JsonObject {
    const meta = item['_meta'];
    const ui = isObject(meta) ? meta['ui'] : undefined;
    const csp = isObject(ui) ? ui['csp'] : undefined;
    if (csp === undefined) return item;
    const kept = isObject(csp) ? this.cutPolicy(server, csp) : {};
    return kept === csp ? item : { ...item, _meta: { ...(meta as JsonObject), ui: { ...(ui as JsonObject), csp: kept } } };
  }

  /** Directives that the configuration doesn't know (frames, base URIs) go whole. */
  private cutPolicy(server: ServerView, csp: JsonObject): JsonObject {
    const kept: Record<string, unknown> = {};
    let isCut = false;
    for (const [directive, asked] of Object.entries(csp)) {
      const domains: readonly unknown[] = Array.isArray(asked) ? asked : [asked];
      const allowed = domains.filter((domain) => this.allows(server, directive, domain));
      if (allowed.length > 0) kept[directive] = allowed;
      if (allowed.length === domains.length) continue;
      isCut = true;
      for (const domain of domains) if (!allowed.includes(domain)) this.note(server, directive, domain);
    }
    return isCut ? kept : csp;
  }

  private allows(server: ServerView, directive: string, domain: unknown): boolean {
    const governed = GOVERNED.find((name) => name === directive);
    if (governed === undefined || typeof domain !== 'string') return false;
    return [this.allowed, server.config.apps].some((lists) => lists?.[governed].some((allowed) => covers(allowed, domain)));
  }

  private note(server: ServerView, directive: string, domain: unknown): void {
    if (this.removed.size < MAX_REPORTED) this.removed.add(`${server.config.name} ${directive} ${String(domain)}`.slice(0, MAX_SHOWN_CHARACTERS));
  }
}

function covers(allowed: string, asked: string): boolean {
  const [, scheme, wild, host] = ORIGIN.exec(allowed.toLowerCase()) ?? [];
  const [, askedScheme, askedWild, askedHost] = ORIGIN.exec(asked.toLowerCase()) ?? [];
  if (host === undefined || askedHost === undefined || scheme !== askedScheme) return false;
  if (wild === undefined) return askedWild === undefined && askedHost === host;
  return askedHost.endsWith(`.${host}`) || (askedWild !== undefined && askedHost === host);
}
