import path from 'node:path';

type Loose = Record<string, unknown>;

/** Kinds whose objects belong to an organization. */
const OWNED = ['servers', 'routes', 'roles', 'consumers', 'limits'] as const;

function isLoose(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A key without a value (`routes:`) means what leaving it out means; no field of the schema takes null. */
export function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!isLoose(value)) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([key, item]) => (item === null ? [] : [[key, withoutEmpty(item)]])));
}

/** Names of the declared organizations, as far as they are readable. */
export function declaredOrganizations(value: unknown): readonly string[] {
  return list(isLoose(value) ? value['organizations'] : undefined).flatMap((item) => (isLoose(item) && typeof item['name'] === 'string' ? [item['name']] : []));
}

/** Where a file declares exactly one organization, objects need not name it. */
export function withOrganization(value: unknown): unknown {
  const [only, ...others] = declaredOrganizations(value);
  if (!isLoose(value) || only === undefined || others.length > 0) return value;
  const filled = OWNED.flatMap((kind) => (Array.isArray(value[kind]) ? [[kind, list(value[kind]).map((item) => (isLoose(item) ? { organization: only, ...item } : item))]] : []));
  return { ...value, ...Object.fromEntries(filled) };
}

/** Paths of stdio servers made absolute against the file's folder: the gateway has another working folder. */
export function withAbsolutePaths(value: unknown, folder: string): unknown {
  if (!isLoose(value) || !Array.isArray(value['servers'])) return value;
  return { ...value, servers: list(value['servers']).map((server) => (isLoose(server) && isLoose(server['stdio']) ? { ...server, stdio: absoluteStdio(server['stdio'], folder) } : server)) };
}

function absoluteStdio(stdio: Loose, folder: string): Loose {
  const resolve = (text: unknown): unknown => (typeof text === 'string' && text !== '' ? path.resolve(folder, text) : text);
  const { command, args, sandbox } = stdio;
  return {
    ...stdio,
    ...(typeof command === 'string' && command.includes('/') ? { command: resolve(command) } : {}),
    ...(Array.isArray(args) ? { args: list(args).map((arg) => (typeof arg === 'string' && /^\.\.?\//.test(arg) ? resolve(arg) : arg)) } : {}),
    ...(isLoose(sandbox) ? { sandbox: absoluteSandbox(sandbox, resolve) } : {}),
  };
}

function absoluteSandbox(sandbox: Loose, resolve: (text: unknown) => unknown): Loose {
  const { read, write } = sandbox;
  return {
    ...sandbox,
    ...(Array.isArray(read) ? { read: list(read).map(resolve) } : {}),
    ...(Array.isArray(write) ? { write: list(write).map((item) => (isLoose(item) ? { ...item, path: resolve(item['path']) } : item)) } : {}),
  };
}
