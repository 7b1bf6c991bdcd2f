import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { COMMAND, until, WORKSPACE } from '@mcpgw/testing';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { stringify } from 'yaml';

/** Process ids of this process and everything that it started, however deep. */
function family(root: number): ReadonlySet<number> {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return [[Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])] as const];
      } catch {
        return [];
      }
    });
  const found = new Set([root]);
  for (let before = 0; before !== found.size; ) {
    before = found.size;
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid);
  }
  return found;
}

/** TCP sockets in the state LISTEN that one of these processes holds. */
function listeners(pids: ReadonlySet<number>): number {
  const listening = new Set(
    ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[3] === '0A')
        .map((fields) => `socket:[${fields[9]}]`),
    ),
  );
  return [...pids].flatMap((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
        try {
          return listening.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
        } catch {
          return false;
        }
      });
    } catch {
      return [];
    }
  }).length;
}

describe('mcpgw stdio --config', () => {
  it('is a whole gateway on standard input and output, without any port, and leaves nothing behind', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'mcpgw-stdio-'));
    const modules = path.join(WORKSPACE, 'node_modules');
    const file = path.join(directory, 'mcp-gateway.yaml');
    writeFileSync(
      file,
      stringify({
        organizations: [{ name: 'home' }],
        servers: [{ name: 'everything', stdio: { command: 'node', args: [path.join(modules, '@modelcontextprotocol/server-everything/dist/index.js'), 'stdio'], sandbox: { read: [modules], memoryMb: 512 } } }],
        roles: [{ name: 'all', rules: [{ allow: '*/*' }] }],
        consumers: [{ name: 'desktop', roles: ['all'] }],
      }),
    );
    const transport = new StdioClientTransport({ command: process.execPath, args: [COMMAND, 'stdio', '--config', file], env: { PATH: process.env['PATH'] ?? '', MCPGW_RUNNER_ALLOWED_MOUNTS: `${WORKSPACE}:${directory}` }, stderr: 'pipe' });
    const client = new Client({ name: 'desktop', version: '1' });
    await client.connect(transport, { timeout: 60_000 });
    const pids = family(transport.pid as number);
    expect((await client.listTools()).tools.map((tool) => tool.name)).toContain('everything__echo');
    expect(await client.callTool({ name: 'everything__echo', arguments: { message: 'at home' } })).toMatchObject({ content: [{ text: 'Echo: at home' }] });
    expect(listeners(family(transport.pid as number))).toBe(0);
    await client.close();
    await until('everything has ended', () => [...pids].every((pid) => !readdirSync('/proc').includes(String(pid))), 20_000);
    rmSync(directory, { recursive: true, force: true });
  }, 120_000);
});
