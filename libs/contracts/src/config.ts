import { z } from 'zod';
import { consumerName, organizationName, roleName, routeName, secretName, serverName } from './ids.js';

/**
 * `mcp-gateway.yaml`: what an operator declares. Everything below an organization names it by `organization`, which may be
 * left out when the file declares exactly one. The same schema validates the file (CLI, with lines), the API body (admin)
 * and the message to the registry; `mcpgw export` writes a value of the same type.
 */

const SECRET_REFERENCE = /secret:\/\/([a-z][a-z0-9-]*(?:\/[a-z0-9-]+)*)/g;

/** Names of the secrets that a value refers to, as in `Bearer secret://crm/token`. */
export function secretReferences(value: string): readonly string[] {
  return [...value.matchAll(SECRET_REFERENCE)].map((match) => match[1] as string);
}

/** The value with each `secret://name` replaced. `resolve` must return the plaintext or throw. */
export function substituteSecrets(value: string, resolve: (name: string) => string): string {
  return value.replace(SECRET_REFERENCE, (_whole, name: string) => resolve(name));
}

/** A value that may contain `secret://<name>` references, each of which must be a valid secret name. */
const withSecrets = z
  .string()
  .max(8_192)
  .refine((value) => secretReferences(value).every((name) => secretName.safeParse(name).success), 'contains a malformed secret:// reference');

const attributeValue = z.union([z.string().max(1_024), z.int(), z.boolean()]);
export type AttributeValue = z.infer<typeof attributeValue>;

export const jwtIssuerConfig = z.strictObject({
  issuer: z.url().describe('Exact `iss` of the tokens'),
  jwksUrl: z.url().describe('Where the issuer publishes its keys (RFC 7517)'),
  audience: z.string().min(1).max(512).describe('Our `aud`: tokens made for anybody else are refused'),
  consumerClaim: z.string().max(128).default('client_id').describe('Claim that names the consumer; `azp`, then `sub` when it is absent'),
  rolesClaim: z.string().max(128).default('roles').describe('Claim that lists role names'),
  attributes: z.record(z.string().max(128), z.string().max(128)).default({}).describe('Attribute name -> claim name'),
});
export type JwtIssuerConfig = z.infer<typeof jwtIssuerConfig>;

/** An origin as a content security policy names it; `*.` in front stands for all its subdomains. */
const appDomain = z
  .string()
  .max(256)
  .regex(/^(https?|wss?):\/\/(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?$/i, 'must read "https://host", with *. before the host for its subdomains');

/** Origins that apps (MCP Apps, `ui://`) may use. What an app asks for beyond them is cut from its content security policy. */
export const appDomains = z.strictObject({
  connectDomains: z.array(appDomain).max(256).default([]).describe('Where apps may send requests'),
  resourceDomains: z.array(appDomain).max(256).default([]).describe('Where apps may load scripts, styles, images and fonts from'),
});
export type AppDomains = z.infer<typeof appDomains>;

export const organizationConfig = z.strictObject({
  name: organizationName,
  audit: z
    .strictObject({
      mode: z.enum(['standard', 'regulated']).default('standard').describe('standard: call after the local fsync; regulated: call only after the audit service has committed the intent'),
    })
    .default({ mode: 'standard' }),
  jwt: z.array(jwtIssuerConfig).max(16).default([]),
  apps: appDomains.optional().describe('Origins that the apps of all servers may use; none when absent'),
  billing: z.strictObject({ stripeCustomer: z.string().max(255).optional().describe('Stripe customer id that usage is reported for') }).default({}),
});
export type OrganizationConfig = z.infer<typeof organizationConfig>;

/** What a stdio server may touch. Absolute paths; the CLI resolves relative ones against the configuration file. */
export const sandboxConfig = z.strictObject({
  read: z.array(z.string().min(1)).max(32).default([]).describe('Host folders mounted read-only at the same path'),
  write: z
    .array(z.strictObject({ path: z.string().min(1).describe('Host folder, made when absent'), at: z.string().startsWith('/').describe('Where the server sees it') }))
    .max(8)
    .default([]),
  network: z.enum(['none', 'host']).default('none').describe("none: no interface but its own loopback; host: the host's network"),
  memoryMb: z.int().min(32).max(65_536).default(256),
  cpus: z.number().min(0.1).max(64).default(1),
  processes: z.int().min(8).max(4_096).default(64),
  tmpMb: z.int().min(1).max(4_096).default(64),
});
export type SandboxConfig = z.infer<typeof sandboxConfig>;

const environmentName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/).max(128);
const FORBIDDEN_ENVIRONMENT = /^(LD_|DYLD_|NODE_OPTIONS$|NODE_CHANNEL_|BASH_ENV$|ENV$|PYTHONSTARTUP$|PERL5OPT$|RUBYOPT$)/;

export const stdioTransport = z.strictObject({
  command: z.string().min(1).max(4_096).describe('Program, no shell: `node`, `python3` or an absolute path'),
  args: z.array(z.string().max(4_096)).max(64).default([]),
  env: z
    .record(
      environmentName.refine((name) => !FORBIDDEN_ENVIRONMENT.test(name), 'may change what the launcher runs and is refused'),
      withSecrets,
    )
    .default({}),
  sandbox: sandboxConfig.prefault({}),
});
export type StdioTransport = z.infer<typeof stdioTransport>;

export const httpTransport = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  headers: z.record(z.string().regex(/^[A-Za-z0-9-]+$/).max(128), withSecrets).default({}),
  allowPrivateNetwork: z.boolean().default(false).describe('Permit loopback, private and link-local addresses, and plain http'),
});
export type HttpTransport = z.infer<typeof httpTransport>;

export const serverConfig = z
  .strictObject({
    organization: organizationName,
    name: serverName,
    description: z.string().max(1_024).optional(),
    stdio: stdioTransport.optional(),
    http: httpTransport.optional(),
    callTimeoutSeconds: z.number().min(0.1).max(3_600).default(30),
    sessions: z
      .enum(['shared', 'interactive', 'principal'])
      .default('interactive')
      .describe('Who shares a session (HTTP) or process (stdio) of this server. shared: everybody, and the server can ask clients nothing; interactive: callers that can be asked have one each, all others share one; principal: one for each caller'),
    apps: appDomains.optional().describe("Origins that this server's apps may use besides the organization's"),
  })
  .refine((server) => (server.stdio === undefined) !== (server.http === undefined), 'needs exactly one of `stdio` and `http`');
export type ServerConfig = z.infer<typeof serverConfig>;

export const routeConfig = z.strictObject({
  organization: organizationName,
  name: routeName,
  servers: z.array(serverName).min(1).max(256).describe('What the endpoint /mcp/<route> shows'),
  prefix: z
    .enum(['always', 'when-needed', 'never'])
    .optional()
    .describe('Whether names carry their server\'s: always; when-needed: only those that two servers have; never: two servers with the same name are refused. Default: never for one server, always for several'),
  toolSearch: z.boolean().optional().describe('Show search_tools and call_tool instead of a long list of tools; every tool can still be called by its name'),
});
export type RouteConfig = z.infer<typeof routeConfig>;

const scalar = z.union([z.string().max(1_024), z.int(), z.boolean()]);

/**
 * A condition on one argument. A bare value means `equals`. A string of the form `${consumer.<attribute>}` stands for an
 * attribute of the consumer. Order comparisons are on integers. An argument that is absent satisfies no condition of an
 * `allow`; one whose type a rule can't compare makes the whole call denied.
 */
export const argumentCondition = z.union([
  scalar,
  z
    .strictObject({
      equals: scalar.optional(),
      notEquals: scalar.optional(),
      in: z.array(scalar).min(1).max(256).optional(),
      notIn: z.array(scalar).min(1).max(256).optional(),
      like: z.string().max(1_024).optional().describe('`*` stands for any characters'),
      lessThan: z.int().optional(),
      atMost: z.int().optional(),
      greaterThan: z.int().optional(),
      atLeast: z.int().optional(),
      present: z.boolean().optional(),
    })
    .refine((condition) => Object.keys(condition).length > 0, 'needs at least one comparison'),
]);
export type ArgumentCondition = z.infer<typeof argumentCondition>;

/**
 * `<server>/<tool>` with `*` for any characters on both sides. `prompt:<server>/<name>` and `resource:<server>/<uri>` speak of
 * prompts and resources instead of tools, `method:<server>/<method>` of methods that extensions add (`skills/get`). Tool names
 * are the server's own, before the gateway's prefix.
 */
export const rulePattern = z
  .string()
  .max(512)
  .regex(/^((tool|prompt|resource|method):)?[a-z0-9*-]+\/.+$/, 'must read "<server>/<tool>", with * as a wildcard, optionally after prompt:, resource: or method:');

/** JSON path of an argument: `customer_id`, `filter.owner`. Dots separate; array elements can't be addressed. */
const argumentPath = z.string().regex(/^[^.\s"\\]{1,128}(\.[^.\s"\\]{1,128}){0,7}$/, 'must be argument names joined by dots');

/** `z.record` drops the key `__proto__` unseen, and a rule that loses a condition allows more: such a rule is refused instead. */
const when = z.strictObject({
  arguments: z.preprocess((value, context) => {
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')) context.addIssue({ code: 'custom', message: 'can not name an argument __proto__' });
    return value;
  }, z.record(argumentPath, argumentCondition)),
});
export type RuleWhen = z.infer<typeof when>;

export const policyRule = z
  .strictObject({ allow: rulePattern.optional(), deny: rulePattern.optional(), when: when.optional(), reason: z.string().max(512).optional().describe('Said to the agent when this rule denies') })
  .refine((rule) => (rule.allow === undefined) !== (rule.deny === undefined), 'needs exactly one of `allow` and `deny`');
export type PolicyRule = z.infer<typeof policyRule>;

export const roleConfig = z.strictObject({
  organization: organizationName,
  name: roleName,
  description: z.string().max(1_024).optional(),
  rules: z.array(policyRule).max(512),
});
export type RoleConfig = z.infer<typeof roleConfig>;

export const consumerConfig = z.strictObject({
  organization: organizationName,
  name: consumerName,
  description: z.string().max(1_024).optional(),
  roles: z.array(roleName).max(64).default([]),
  attributes: z.record(z.string().regex(/^[a-z][a-z0-9_]{0,62}$/), attributeValue).default({}),
  disabled: z.boolean().default(false),
});
export type ConsumerConfig = z.infer<typeof consumerConfig>;

export const LIMIT_PERIOD_SECONDS = { second: 1, minute: 60, hour: 3_600, day: 86_400 } as const;

/** GCRA: `calls` per `per`, `burst` of them at once. Every (consumer, tool) pair that the patterns match has a count of its own, or every consumer one for all the tools together. */
export const limitConfig = z.strictObject({
  organization: organizationName,
  name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/),
  consumer: z.string().max(128).default('*').describe('Consumer name, `*` as a wildcard'),
  tool: z.string().max(512).regex(/^[a-z0-9*-]+\/.+$/).default('*/*').describe('`<server>/<tool>`, `*` as a wildcard'),
  calls: z.int().min(1).max(1_000_000_000),
  per: z.enum(['second', 'minute', 'hour', 'day']),
  burst: z.int().min(1).max(1_000_000_000).optional().describe('Calls that may come at once; `calls` when absent'),
  each: z.enum(['consumer-and-tool', 'consumer']).default('consumer-and-tool').describe('What is counted separately'),
});
export type LimitConfig = z.infer<typeof limitConfig>;

export const gatewayConfig = z.strictObject({
  organizations: z.array(organizationConfig).min(1).max(10_000),
  servers: z.array(serverConfig).max(10_000).default([]),
  routes: z.array(routeConfig).max(10_000).default([]),
  roles: z.array(roleConfig).max(10_000).default([]),
  consumers: z.array(consumerConfig).max(100_000).default([]),
  limits: z.array(limitConfig).max(10_000).default([]),
});
export type GatewayConfig = z.infer<typeof gatewayConfig>;

export const CONFIG_KINDS = ['organizations', 'servers', 'routes', 'roles', 'consumers', 'limits'] as const;
export type ConfigKind = (typeof CONFIG_KINDS)[number];
