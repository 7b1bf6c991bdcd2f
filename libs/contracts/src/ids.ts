import { z } from 'zod';

/**
 * Names are the identifiers: an organization, consumer, server, role or route is known by its name everywhere, also in the
 * audit log, and keeps it for life. A server name contains no underscore, so that `<server>__<tool>` splits in one place,
 * and is a valid RFC 3986 scheme prefix, so that `<server>+<uri>` names a resource of that server.
 */
export const organizationName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits or dashes, starting with a letter')
  .brand<'OrganizationName'>();
export type OrganizationName = z.infer<typeof organizationName>;

export const consumerName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits, dots, dashes or underscores')
  .brand<'ConsumerName'>();
export type ConsumerName = z.infer<typeof consumerName>;

export const serverName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,30}$/, 'must be 1 to 31 lower-case letters, digits or dashes, starting with a letter')
  .brand<'ServerName'>();
export type ServerName = z.infer<typeof serverName>;

export const roleName = z
  .string()
  .regex(/^[a-z][a-z0-9._-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits, dots, dashes or underscores, starting with a letter')
  .brand<'RoleName'>();
export type RoleName = z.infer<typeof roleName>;

export const routeName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be 1 to 63 lower-case letters, digits or dashes, starting with a letter')
  .brand<'RouteName'>();
export type RouteName = z.infer<typeof routeName>;

/** A secret's name inside its organization, as in `secret://<name>`. */
export const secretName = z
  .string()
  .regex(/^[a-z][a-z0-9-]*(\/[a-z0-9-]+){0,4}$/, 'must be path segments of lower-case letters, digits or dashes')
  .max(128)
  .brand<'SecretName'>();
export type SecretName = z.infer<typeof secretName>;

/** RFC 9562 version 7 (time-ordered), lower case. */
const uuid7 = z.string().regex(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/, 'must be a UUIDv7');
export const entryId = uuid7.brand<'EntryId'>();
export type EntryId = z.infer<typeof entryId>;
export const callId = uuid7.brand<'CallId'>();
export type CallId = z.infer<typeof callId>;

/** Public part of an API key: `key_` and 12 characters. The key itself is `mcpgw_<12 characters>_<43 characters>`. */
export const keyId = z.string().regex(/^key_[A-Za-z0-9]{12}$/).brand<'KeyId'>();
export type KeyId = z.infer<typeof keyId>;

/** The log for what belongs to no organization: refused before anybody was recognised. */
export const OPERATOR_LOG = 'operator' as OrganizationName;
