import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { serverConfig, type CallId, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import { silentLogger } from '@mcpgw/platform-runtime';
import { HttpUpstreams } from './http-upstream.js';

const ENTRY = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/dist/index.js');

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function startEverything(port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [ENTRY, 'streamableHttp'], { env: { PORT: String(port) }, stdio: ['ignore', 'ignore', 'pipe'] });
  for await (const chunk of child.stderr!) if (String(chunk).includes('listening')) break;
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('HttpUpstreams with server-everything over Streamable HTTP', () => {
  let port = 0;
  let everything: ChildProcess;
  let upstreams: HttpUpstreams;
  const never = new AbortController().signal;

  beforeAll(async () => {
    port = await freePort();
    everything = await startEverything(port);
    const target = { url: `http://127.0.0.1:${port}/mcp`, headers: {}, allowPrivateNetwork: true, era: 'legacy' as const };
    upstreams = new HttpUpstreams({ resolve: () => target, clientInfo: { name: 'mcp-gateway', version: '0' }, logger: silentLogger, onListChanged: () => undefined });
  }, 30_000);
  afterAll(async () => {
    await upstreams.close();
    await stop(everything);
  });

  function call(method: string, params: Record<string, unknown>, onEvent?: (method: string, params: Record<string, unknown>) => void) {
    return upstreams.invoke({ organization: 'acme' as OrganizationName, server: 'everything' as ServerName, revision: 1, callId: '0' as CallId, method, params, timeoutMs: 10_000, onEvent }, never);
  }

  it('discovers its tools, prompts, resources and templates', async () => {
    const config = serverConfig.parse({ organization: 'acme', name: 'everything', http: { url: `http://127.0.0.1:${port}/mcp`, allowPrivateNetwork: true } });
    const found = await upstreams.discover(config, {});
    expect(found.era).toBe('legacy');
    expect(found.tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['echo', 'get-sum']));
    expect(found.tools.map(({ name }) => name)).toEqual(found.tools.map(({ name }) => name).toSorted());
    expect(found.prompts.length).toBeGreaterThan(0);
    expect(found.resources.length).toBeGreaterThan(0);
    expect(found.resourceTemplates.length).toBeGreaterThan(0);
    expect(found.dropped).toEqual([]);
  });

  it('calls a tool, and two hundred at once without crossing answers', async () => {
    expect(await call('tools/call', { name: 'echo', arguments: { message: 'hi' } })).toMatchObject({ result: { content: [{ type: 'text', text: 'Echo: hi' }] } });
    const replies = await Promise.all(Array.from({ length: 200 }, (_, n) => call('tools/call', { name: 'echo', arguments: { message: String(n) } })));
    expect(replies.map((reply) => ('result' in reply ? (reply.result['content'] as { text: string }[])[0]?.text : reply))).toEqual(Array.from({ length: 200 }, (_, n) => `Echo: ${n}`));
  });

  it('brings progress of a long operation under the caller token', async () => {
    const events: unknown[] = [];
    const params = { name: 'trigger-long-running-operation', arguments: { duration: 0.2, steps: 2 }, _meta: { progressToken: 'mine' } };
    const reply = await call('tools/call', params, (_method, event) => events.push(event['progressToken']));
    expect(reply).toHaveProperty('result');
    expect(events).toEqual(['mine', 'mine']);
  });

  it('goes on after the server was killed and started again, without a lost call', async () => {
    await call('tools/call', { name: 'echo', arguments: { message: 'before' } });
    await stop(everything);
    await expect(call('tools/call', { name: 'echo', arguments: { message: 'down' } })).rejects.toMatchObject({ code: expect.stringMatching(/^upstream_(failed|lost)$/) });
    everything = await startEverything(port);
    expect(await call('tools/call', { name: 'echo', arguments: { message: 'after' } })).toMatchObject({ result: { content: [{ text: 'Echo: after' }] } });
  }, 30_000);
});
