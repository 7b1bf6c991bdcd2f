import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import { WORKSPACE } from './child.js';

const MODULES = path.join(WORKSPACE, 'node_modules');
const entry = (server: string): string => path.join(MODULES, `@modelcontextprotocol/server-${server}/dist/index.js`);

export interface FixtureOptions {
  readonly directory: string;
  readonly upstreamUrl: string;
  /** Further parts, merged over the fixture's by key. */
  readonly extra?: Readonly<Record<string, readonly unknown[]>>;
  readonly jwt?: readonly unknown[];
}

/**
 * Two organizations. `acme` has the four reference servers and consumers with different rights; `globex` has one server and
 * one consumer, whom nothing of acme may reach.
 */
export function fixtureConfig({ directory, upstreamUrl, extra = {}, jwt = [] }: FixtureOptions): Record<string, unknown> {
  const node = (script: string, ...args: string[]): object => ({ command: 'node', args: [script, ...args] });
  const sandbox = { read: [MODULES], memoryMb: 512 };
  const base: Record<string, readonly unknown[]> = {
    organizations: [{ name: 'acme', jwt }, { name: 'globex' }],
    servers: [
      { organization: 'acme', name: 'everything', stdio: { ...node(entry('everything'), 'stdio'), sandbox } },
      { organization: 'acme', name: 'files', stdio: { ...node(entry('filesystem'), '/files'), sandbox: { ...sandbox, write: [{ path: path.join(directory, 'files'), at: '/files' }] } } },
      { organization: 'acme', name: 'memory', stdio: { ...node(entry('memory')), env: { MEMORY_FILE_PATH: '/memory/graph.jsonl' }, sandbox: { ...sandbox, write: [{ path: path.join(directory, 'memory'), at: '/memory' }] } } },
      { organization: 'acme', name: 'remote', http: { url: upstreamUrl, allowPrivateNetwork: true } },
      { organization: 'globex', name: 'everything', stdio: { ...node(entry('everything'), 'stdio'), sandbox } },
    ],
    routes: [
      { organization: 'acme', name: 'files', servers: ['files'] },
      { organization: 'acme', name: 'pair', servers: ['files', 'memory'] },
    ],
    roles: [
      { organization: 'acme', name: 'all', rules: [{ allow: '*/*' }, { allow: 'prompt:*/*' }, { allow: 'resource:*/*' }] },
      {
        organization: 'acme',
        name: 'support',
        rules: [
          { allow: 'everything/get-sum' },
          { allow: 'remote/echo' },
          { allow: 'everything/echo', when: { arguments: { message: '${consumer.customer_id}' } } },
          { allow: 'files/*' },
          { deny: 'files/write_file', reason: 'Support reads files and writes none.' },
        ],
      },
      { organization: 'globex', name: 'all', rules: [{ allow: '*/*' }] },
    ],
    consumers: [
      { organization: 'acme', name: 'agent', roles: ['all'] },
      { organization: 'acme', name: 'support', roles: ['support'], attributes: { customer_id: 'customer-7' } },
      { organization: 'acme', name: 'hasty', roles: ['all'] },
      { organization: 'globex', name: 'agent', roles: ['all'] },
    ],
    limits: [{ organization: 'acme', name: 'hasty', consumer: 'hasty', tool: 'everything/echo', calls: 3, per: 'minute', burst: 3 }],
  };
  const keys = new Set([...Object.keys(base), ...Object.keys(extra)]);
  return Object.fromEntries([...keys].map((key) => [key, [...(base[key] ?? []), ...(extra[key] ?? [])]]));
}

/** Writes it as YAML and returns the file's name. */
export function writeFixtureConfig(options: FixtureOptions, name = 'mcp-gateway.yaml'): string {
  const file = path.join(options.directory, name);
  writeFileSync(file, stringify(fixtureConfig(options)));
  return file;
}
