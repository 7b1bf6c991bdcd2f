// The gateway (one process, or services with several edges behind one address) with every server of the matrix behind a route of its own, and a consumer for each client.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { COMMAND, Child, createKey, json, modern, startGatewaySystem, startServicesSystem, until, WORKSPACE } from '../../libs/testing/dist/index.js';
import { startRoundRobin } from './round-robin.mjs';

const READY_MS = 60_000;
const ORGANIZATION = 'matrix';
const HERE = import.meta.dirname;

export async function openSystem({ clients, servers, edges = 1 }) {
  const system = edges > 1 ? await startServicesSystem({}, edges) : await startGatewaySystem();
  const proxy = edges > 1 ? await startRoundRobin(system.edgeUrls) : undefined;
  const edgeUrl = proxy?.url ?? system.edgeUrl;
  let upstreams;
  try {
    const folder = path.join(system.directory, 'matrix');
    mkdirSync(folder);
    upstreams = startHttpServers(folder, system.directory);
    const port = await portOf(upstreams);
    const file = path.join(system.directory, 'matrix.json');
    writeFileSync(file, JSON.stringify(configuration({ clients, servers, folder, port })));
    const applied = await system.mcpgw(['apply', '-f', file, '--json']);
    if (applied.code !== 0) throw new Error(`apply failed:\n${applied.stderr}${applied.stdout}`);
    const health = await serversKnown(system);
    const keys = new Map();
    for (const client of clients) keys.set(client.name, (await createKey(system, ORGANIZATION, client.name)).key);
    const url = (server) => `${edgeUrl}/mcp/${server.name}`;
    for (const edge of system.edgeUrls) await until('the edge knows the last key', async () => (await modern(`${edge}/mcp`, keys.get(clients.at(-1).name), 'server/discover')).message.result !== undefined);
    return {
      /** Why no cell of this server can work, if so. */
      trouble: (server) => (health.get(server.name)?.state === 'ready' ? undefined : `the gateway could not discover the server: ${health.get(server.name)?.problem ?? health.get(server.name)?.state}`),
      /** Where this client finds this server. */
      place: (client, server) => {
        const key = keys.get(client.name);
        const env = { PATH: process.env.PATH, MCPGW_EDGE_URL: edgeUrl, MCPGW_CONSUMER_KEY: key, MCPGW_DATA_DIR: system.dataDir };
        return { url: url(server), key, stdio: { command: process.execPath, args: [COMMAND, 'stdio', '--route', server.name], env } };
      },
      logs: () => system.logs(),
      killEdge: () => system.stop(`edge-${edges}`, 'SIGKILL'),
      close: async () => {
        await proxy?.close();
        await upstreams.stop();
        await system.close();
      },
    };
  } catch (error) {
    await proxy?.close();
    await upstreams?.stop();
    await system.close();
    throw error;
  }
}

/** No gateway at all: shows that servers and clients of the matrix are right by themselves, where both speak the same wire. */
export async function openDirect() {
  const directory = mkdtempSync(path.join(tmpdir(), 'mcpgw-matrix-'));
  const upstreams = startHttpServers(directory, directory);
  const port = await portOf(upstreams);
  return {
    trouble: () => undefined,
    place: (_, { version, transport, name }) => {
      const args = [path.join(HERE, 'servers/stdio.mjs'), version, path.join(directory, name)];
      return { url: httpUrl(port, { version, transport }), key: 'none', stdio: { command: process.execPath, args, env: { PATH: process.env.PATH } } };
    },
    logs: () => upstreams.log(),
    close: async () => {
      await upstreams.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function startHttpServers(folder, logs) {
  return Child.start('matrix-http', [process.execPath, '--import', path.join(WORKSPACE, 'tools/start/loopback-only.mjs'), path.join(HERE, 'servers/http.mjs'), folder], {}, logs);
}

function portOf(upstreams) {
  return until('the HTTP servers listen', () => /listening on (\d+)/.exec(upstreams.log())?.[1]);
}

const httpUrl = (port, { version, transport }) => `http://127.0.0.1:${port}${transport === 'sse' ? '/sse' : `/${version}/mcp`}`;

/** Waits until each server was asked what it offers; one that can't say is the matter of its cells. */
async function serversKnown(system) {
  let servers = [];
  const states = async () => {
    ({ servers } = await json(system, 'server', 'list'));
    return servers.every(({ health }) => health.state === 'ready');
  };
  await until('every server is ready', states, READY_MS).catch(() => {});
  return new Map(servers.map(({ config, health }) => [config.name, health]));
}

function configuration({ clients, servers, folder, port }) {
  const named = { organization: ORGANIZATION };
  return {
    organizations: [{ name: ORGANIZATION }],
    servers: servers.map((server) => ({ ...named, name: server.name, ...transportOf(server, folder, port) })),
    routes: servers.map(({ name }) => ({ ...named, name, servers: [name] })),
    roles: [{ ...named, name: 'all', rules: [{ allow: '*/*' }, { allow: 'prompt:*/*' }, { allow: 'resource:*/*' }] }],
    consumers: clients.map(({ name }) => ({ ...named, name, roles: ['all'] })),
  };
}

function transportOf({ version, transport, name }, folder, port) {
  if (transport === 'stdio') {
    const state = path.join(folder, name);
    mkdirSync(state);
    const sandbox = { read: [path.join(WORKSPACE, 'node_modules'), HERE], write: [{ path: state, at: '/state' }], memoryMb: 512 };
    return { stdio: { command: 'node', args: [path.join(HERE, 'servers/stdio.mjs'), version, '/state'], sandbox } };
  }
  return { http: { url: httpUrl(port, { version, transport }), allowPrivateNetwork: true } };
}
