import type { AttributeValue, KeyId, OrganizationName } from '@mcpgw/contracts';

/** Who the request is proven to be. `roles` are sorted and exist in the organization. */
export interface Principal {
  readonly organization: OrganizationName;
  readonly consumer: string;
  readonly user?: string;
  readonly keyId?: KeyId;
  readonly roles: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** Whose a session, a stream or a running call is. Roles are left out: they may change while it lives. */
export function subjectOf(principal: Principal): string {
  return JSON.stringify([principal.organization, principal.consumer, principal.user ?? null]);
}
