import { createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import type { KeyId } from '@mcpgw/contracts';
import type { CatalogView } from '../catalog/catalog-view.js';
import type { Principal } from './principal.js';

const API_KEY = /^mcpgw_([A-Za-z0-9]{12})_[A-Za-z0-9_-]{43}$/;

export function looksLikeApiKey(token: string): boolean {
  return token.startsWith('mcpgw_');
}

/**
 * The holder of an API key, by the current view alone: a key that was revoked, has expired or whose consumer is disabled is
 * unknown from the moment the view says so. The HMAC takes two microseconds, so no result is remembered.
 */
export function authenticateApiKey(token: string, catalog: CatalogView, pepper: KeyObject, nowMs: number): Principal | undefined {
  const id = API_KEY.exec(token)?.[1];
  if (id === undefined) return undefined;
  const hash = createHmac('sha256', pepper).update(token).digest();
  const found = catalog.key(`key_${id}` as KeyId);
  if (!found || !timingSafeEqual(hash, found.hash)) return undefined;
  if (found.expiresAtMs <= nowMs) return undefined;
  const consumer = found.organization.consumers.get(found.consumer);
  if (!consumer || consumer.disabled) return undefined;
  return { organization: found.organization.name, consumer: consumer.name, keyId: found.id, roles: found.organization.knownRoles(consumer.roles), attributes: consumer.attributes };
}
