// `npm start`: brings a fresh checkout to a running gateway with real MCP servers behind it, and stops all of it again.
// `--fresh` throws the data of earlier runs away first.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { ensureNode } from './ensure-node.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const root = path.resolve(import.meta.dirname, '../..');
ensureNode(root, import.meta.filename);
if (process.argv.includes('--help')) {
  console.log('npm start              run the gateway with the demo servers; data is kept in .mcpgw/\nnpm start -- --fresh   forget what earlier runs kept, then start\n\nSettings: MCPGW_EDGE_PORT (8080), MCPGW_ADMIN_PORT (8090), MCPGW_METRICS_PORT (9464), MCPGW_DATA_DIR (.mcpgw),\nMCPGW_CONFIG (deploy/examples/mcp-gateway.yaml), MCPGW_DATABASE_URL, MCPGW_NATS_URL.');
  process.exit(0);
}

const dataDirectory = path.resolve(process.env.MCPGW_DATA_DIR ?? path.join(root, '.mcpgw'));
if (process.argv.includes('--fresh')) forget(dataDirectory);
await ensureSystemPackages();
build();
mkdirSync(path.join(dataDirectory, 'logs'), { recursive: true, mode: 0o700 });

process.env.MCPGW_DATA_DIR = dataDirectory;
process.env.MCPGW_CONFIG ??= path.join(root, 'deploy/examples/mcp-gateway.yaml');
process.env.MCPGW_LOG_FILE ??= path.join(dataDirectory, 'logs/gateway.log');
process.env.MCPGW_RUNNER_ALLOWED_MOUNTS ??= `${root}:${dataDirectory}`;
process.env.DEMO_HTTP_PORT ??= String(await freePort(3001));
const demo = startDemoUpstream(process.env.DEMO_HTTP_PORT);
process.on('exit', () => demo.kill('SIGKILL'));
endWithParent();
console.log(`Starting. The log is ${process.env.MCPGW_LOG_FILE}`);
await import(path.join(root, 'apps/gateway/dist/main.js'));

/** The compiler finds by itself what is up to date; nothing to do takes half a second. */
function build() {
  const result = spawnSync(process.execPath, [path.join(root, 'node_modules/typescript/bin/tsc'), '-b'], { cwd: root, stdio: 'inherit' });
  if (result.status !== 0) {
    console.error('The build failed; the messages above say where.');
    process.exit(1);
  }
}

/** Only what a gateway keeps is removed, so that a wrong MCPGW_DATA_DIR costs nobody their files. */
function forget(directory) {
  for (const name of ['postgres', 'postgres.password', 'edge', 'registry', 'audit', 'servers', 'keys', 'logs', 'first-run.json']) {
    rmSync(path.join(directory, name), { recursive: true, force: true });
  }
}

/** The reference server listens on every address by itself; the demo keeps it on loopback. */
function startDemoUpstream(port) {
  const entry = path.join(root, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
  if (!existsSync(entry)) {
    console.error('The demo servers are not installed: run "npm ci" without --omit=dev.');
    process.exit(1);
  }
  const child = spawn(process.execPath, ['--import', path.join(root, 'tools/start/loopback-only.mjs'), entry, 'streamableHttp'], { stdio: ['pipe', 'ignore', 'ignore'], env: { PATH: process.env.PATH, PORT: port } });
  child.on('exit', (code, signal) => signal !== 'SIGKILL' && console.error(`The demo server on port ${port} ended (${code ?? signal}); the server "everything-http" fails until the next start.`));
  return child;
}

/**
 * Whoever kills npm with SIGKILL means to end this too: without it, the gateway would live on unseen. npm runs a shell that runs
 * this script, so that the shell's parent tells too. Started by hand, this ends by signals alone, as anything does under nohup.
 */
function endWithParent() {
  if (!process.env.npm_lifecycle_event) return;
  const above = () => {
    try {
      const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
      return `${process.ppid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]}`;
    } catch {
      return String(process.ppid);
    }
  };
  const parents = above();
  setInterval(() => above() !== parents && process.kill(process.pid, 'SIGTERM'), 500).unref();
}

function freePort(preferred) {
  const probe = (port) =>
    new Promise((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(undefined));
      server.listen(port, '127.0.0.1', () => {
        const { port: bound } = server.address();
        server.close(() => resolve(bound));
      });
    });
  return probe(preferred).then((port) => port ?? probe(0));
}
