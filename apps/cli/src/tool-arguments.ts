import { isObject, type JsonObject } from '@mcpgw/core-mcp-wire';
import { CliError, EXIT } from './cli-error.js';

/**
 * Arguments of a call from the command line: one JSON object, `-` for one on standard input, or `key=value` pairs, each
 * value of the type that the tool's schema names (text when it names none).
 */
export async function toolArguments(given: readonly string[], schema: JsonObject | undefined): Promise<JsonObject> {
  const [first, ...rest] = given;
  if (first === undefined) return {};
  if (rest.length === 0 && first === '-') return parseObject(await readAll());
  if (rest.length === 0 && first.trimStart().startsWith('{')) return parseObject(first);
  const properties = isObject(schema?.['properties']) ? schema['properties'] : {};
  return Object.fromEntries(given.map((text) => pair(text, properties)));
}

function pair(text: string, properties: JsonObject): readonly [string, unknown] {
  const split = text.indexOf('=');
  if (split < 1) throw usage(`"${text.slice(0, 60)}" is no argument. Write key=value, or one JSON object.`);
  const [key, value] = [text.slice(0, split), text.slice(split + 1)];
  return [key, typed(key, value, properties[key])];
}

function typed(key: string, text: string, schema: unknown): unknown {
  const declared = isObject(schema) ? schema['type'] : undefined;
  const types = Array.isArray(declared) ? declared : [declared];
  if (types.includes('string') || declared === undefined) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new CliError(`${key} must be a JSON value of type ${types.join(' or ')}; "${text.slice(0, 60)}" is none.`, { exitCode: EXIT.usage, code: 'usage', cause });
  }
}

function parseObject(text: string): JsonObject {
  try {
    const value = JSON.parse(text) as unknown;
    if (isObject(value)) return value;
  } catch {
    // Said below.
  }
  throw usage('The arguments are not one JSON object.');
}

async function readAll(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function usage(message: string): CliError {
  return new CliError(message, { exitCode: EXIT.usage, code: 'usage' });
}
