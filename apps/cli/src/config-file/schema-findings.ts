import type { z } from 'zod';
import { keysAt, nearest } from './did-you-mean.js';
import { pathText, type Finding, type Path } from './findings.js';
import { declaredOrganizations } from './shape.js';
import type { Source } from './source.js';

type Issue = z.core.$ZodIssue;

/** Every fault that the schema sees in the value, each where it stands in the file. */
export function schemaFindings(source: Source, schema: z.core.$ZodType, value: unknown, issues: readonly Issue[]): readonly Finding[] {
  // "Needs exactly one of" is a consequence of the misspelt key beside it, not a second fault.
  const misspelt = new Set(issues.filter(({ code }) => code === 'unrecognized_keys').map(({ path }) => pathText(path)));
  return issues.filter(({ code, path }) => code !== 'custom' || !misspelt.has(pathText(path))).flatMap((issue) => issueFindings({ source, schema, value }, issue, []));
}

interface Judged {
  readonly source: Source;
  readonly schema: z.core.$ZodType;
  readonly value: unknown;
}

function issueFindings(judged: Judged, issue: Issue, above: Path): readonly Finding[] {
  const { source, schema, value } = judged;
  const path: Path = [...above, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => source.finding([...path, key], `is an unknown key${suggestion(schema, key, path)}`, 'key'));
    case 'invalid_union':
      return bestAlternative(issue.errors).flatMap((inner) => issueFindings(judged, inner, path));
    case 'invalid_key':
      return issue.issues.map((inner) => source.finding(path, `is not a valid key: ${inner.message}`, 'key'));
    case 'invalid_type':
      if (at(value, path) === undefined) return [source.finding(path, missing(value, path))];
      return [source.finding(path, issue.message)];
    default:
      return [source.finding(path, issue.message)];
  }
}

/** Of several alternatives, the one that got furthest: a mapping is judged as a mapping, not as "no text". */
function bestAlternative(errors: readonly (readonly Issue[])[]): readonly Issue[] {
  const depth = (issues: readonly Issue[]): number => Math.max(...issues.map((issue) => issue.path.length + (issue.code === 'invalid_type' ? 0 : 0.5)));
  return [...errors].filter((issues) => issues.length > 0).sort((a, b) => depth(b) - depth(a))[0] ?? [];
}

function suggestion(schema: z.core.$ZodType, key: string, path: Path): string {
  const known = keysAt(schema, path);
  const meant = nearest(key, known);
  if (meant !== undefined) return `; did you mean "${meant}"?`;
  return known.length > 0 ? `; known are ${known.join(', ')}` : '';
}

function missing(value: unknown, path: Path): string {
  if (path.at(-1) !== 'organization') return 'is required';
  const declared = declaredOrganizations(value);
  return `is required, because the file declares ${declared.length === 0 ? 'no organization' : `${declared.length} organizations`}`;
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, part) => (typeof inner === 'object' && inner !== null ? (inner as Record<string | number, unknown>)[part] : undefined), value);
}
