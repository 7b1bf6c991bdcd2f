import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { CliError, EXIT } from '../cli-error.js';
import { formatFindings } from './findings.js';
import { schemaFindings } from './schema-findings.js';
import { withoutEmpty } from './shape.js';
import { Source } from './source.js';

/** One object of a configuration (a role, a server) from a file of its own; `filled` wins over what the file says. */
export function loadObject<T>(file: string, schema: z.ZodType<T>, filled: Readonly<Record<string, unknown>>): T {
  const source = new Source(file, readFileSync(file, 'utf8'));
  const syntax = [...source.syntaxFindings(), ...source.duplicateFindings()];
  const written = withoutEmpty(syntax.length === 0 ? source.value() : {});
  const value = typeof written === 'object' ? { ...written, ...filled } : written;
  const parsed = schema.safeParse(value);
  if (syntax.length === 0 && parsed.success) return parsed.data;
  const findings = syntax.length > 0 ? syntax : schemaFindings(source, schema, value, parsed.error?.issues ?? []);
  throw new CliError(formatFindings(findings), { exitCode: EXIT.failed, code: 'invalid_params', data: { findings } });
}
