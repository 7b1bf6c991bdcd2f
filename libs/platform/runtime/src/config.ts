import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** `edgePort` -> `MCPGW_EDGE_PORT`. */
export function environmentName(field: string): string {
  return `MCPGW_${field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

export class ConfigError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`The configuration has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/**
 * Reads a service's configuration from the environment: field `edgePort` from `MCPGW_EDGE_PORT`, or, for what should not stand
 * in an environment, the content of the file that `MCPGW_EDGE_PORT_FILE` names. Values are text: schemas coerce.
 * `overrides` win over the environment. Throws a ConfigError with all faults at once.
 */
export function loadConfig<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  overrides: Partial<z.input<z.ZodObject<Shape>>> = {},
  environment: NodeJS.ProcessEnv = process.env,
): z.output<z.ZodObject<Shape>> {
  const input: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const field of Object.keys(schema.shape)) {
    const name = environmentName(field);
    const file = environment[`${name}_FILE`];
    const direct = environment[name];
    if (direct !== undefined && direct !== '') input[field] = direct;
    else if (file) {
      try {
        input[field] = readFileSync(file, 'utf8').trim();
      } catch (error) {
        faults.push(`${name}_FILE: can't read ${file}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  const parsed = schema.safeParse({ ...input, ...overrides });
  if (parsed.success && faults.length === 0) return parsed.data as z.output<z.ZodObject<Shape>>;
  const issues = parsed.success ? [] : parsed.error.issues.map((issue) => `${environmentName(String(issue.path[0] ?? ''))}: ${issue.message}`);
  throw new ConfigError([...faults, ...issues]);
}

/** Settings that every service has. */
export const commonConfig = z.object({
  dataDir: z.string().default('.mcpgw').describe('Folder for what this process keeps on disk'),
  keysDir: z.string().optional().describe('Folder with the key files; <data dir>/keys when absent'),
  natsUrl: z.string().optional().describe('NATS to talk over, nats://host:port; none: services must share one process'),
  databaseUrl: z.string().optional().describe('Postgres, postgresql://…; none: the embedded one'),
  metricsPort: z.coerce.number().int().min(0).max(65_535).default(9464).describe('Port of /metrics, /healthz and /readyz; another free one when taken; 0: any'),
  metricsHost: z.string().default('127.0.0.1').describe('Address that the metrics port listens on'),
  metricsAllowedHosts: z
    .string()
    .default('')
    .transform((text) => text.split(',').map((host) => host.trim()).filter((host) => host !== ''))
    .describe('Host names, comma-separated, by which the metrics port may be asked; addresses and localhost always'),
  otlpEndpoint: z.url().optional().describe('OpenTelemetry collector that takes traces over OTLP/HTTP, http://host:4318; none: no traces'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least severe level that is logged'),
  logFile: z.string().optional().describe('File that takes the log; standard error when absent'),
});
export type CommonConfig = z.infer<typeof commonConfig>;

/** This process's environment for a child process that is part of the product. Never for a sandbox. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env };
}
