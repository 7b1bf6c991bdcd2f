/** Revisions served without a handshake: each request carries its own envelope (MCP 2026-07-28, basic). */
export const MODERN_VERSIONS: readonly string[] = ['2026-07-28'];

/** Revisions with `initialize` and, over HTTP, sessions; oldest first. */
export const LEGACY_VERSIONS: readonly string[] = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];

export const LATEST_MODERN_VERSION = '2026-07-28';
export const LATEST_LEGACY_VERSION = '2025-11-25';

/** What a legacy request without `MCP-Protocol-Version` means (MCP 2025-06-18, transports). */
export const ASSUMED_LEGACY_VERSION = '2025-03-26';

/** The answer to `initialize`: the client's revision when we know it, else our latest legacy one (lifecycle, version negotiation). */
export function negotiateLegacyVersion(requested: unknown): string {
  return typeof requested === 'string' && LEGACY_VERSIONS.includes(requested) ? requested : LATEST_LEGACY_VERSION;
}
