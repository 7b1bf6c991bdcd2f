import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { gatewayConfig, type GatewayConfig } from '@mcpgw/contracts';
import { parsePath, type Finding } from './findings.js';
import { substitute, substituteAll, type Environment } from './placeholders.js';
import { schemaFindings } from './schema-findings.js';
import { withAbsolutePaths, withOrganization, withoutEmpty } from './shape.js';
import { Source } from './source.js';

const MAX_FILE_BYTES = 8 * 1_048_576;

export interface LoadedConfig {
  /** Ready to apply; undefined when there are findings. */
  readonly config: GatewayConfig | undefined;
  readonly findings: readonly Finding[];
  /** Where the gateway's own finding (`roles[2].rules[0]`) stands in the file. */
  locate(pathText: string, message: string): Finding;
}

/**
 * Reads `mcp-gateway.yaml` or its JSON twin. All faults come at once with line and column: repeated keys, unset placeholders,
 * unknown keys, values that the schema refuses. Throws only when the file can't be read.
 */
export function loadConfigFile(file: string, environment: Environment): LoadedConfig {
  if (statSync(file).size > MAX_FILE_BYTES) throw new Error(`${file} is larger than 8 MiB.`);
  return loadConfigText(readFileSync(file, 'utf8'), file, environment);
}

export function loadConfigText(text: string, file: string, environment: Environment): LoadedConfig {
  const source = new Source(file, text);
  const locate = (where: string, message: string): Finding => source.finding(parsePath(where), message);
  const syntax = source.syntaxFindings();
  if (syntax.length > 0) return { config: undefined, findings: syntax, locate };
  const written = withOrganization(withoutEmpty(source.value() ?? {}));
  const value = withAbsolutePaths(withEnvironment(written, environment), path.dirname(path.resolve(file)));
  const parsed = gatewayConfig.safeParse(value);
  const findings = inOrder([...source.duplicateFindings(), ...unsetFindings(source, environment), ...(parsed.success ? [] : schemaFindings(source, gatewayConfig, value, parsed.error.issues))]);
  return { config: findings.length === 0 ? parsed.data : undefined, findings, locate };
}

/** Placeholders work in `servers` alone: elsewhere `${…}` means something else, or nothing. */
function withEnvironment(value: unknown, environment: Environment): unknown {
  if (typeof value !== 'object' || value === null || !('servers' in value)) return value;
  return { ...value, servers: substituteAll(value.servers, environment) };
}

function unsetFindings(source: Source, environment: Environment): readonly Finding[] {
  const findings: Finding[] = [];
  source.texts(['servers'], (text, where) => {
    for (const name of substitute(text, environment).missing) {
      findings.push(source.finding(where, `the environment variable ${name} is not set; set it, or write a default as \${${name}:-…}`));
    }
  });
  return findings;
}

function inOrder(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort((a, b) => a.line - b.line || a.column - b.column);
}
