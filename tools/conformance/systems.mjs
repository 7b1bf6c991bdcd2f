// What the suite is run against: fixtures of each era, and a gateway that has them all.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { applyFile, createKey, freePort, modern, startHttpUpstream, until } from '../../libs/testing/dist/index.js';

const ORGANIZATION = 'conformance';

export async function startFixture(mode) {
  const port = await freePort();
  const child = spawn(process.execPath, [path.join(import.meta.dirname, 'fixture/server.mjs')], { stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env.PATH, PORT: String(port), FIXTURE_MODE: mode } });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', (code) => reject(new Error(`The fixture ended with ${code}`)));
  });
  return { url: `http://localhost:${port}/mcp`, close: () => void child.kill() };
}

const ALLOW_ALL = ['*/*', 'prompt:*/*', 'resource:*/*', 'method:*/*'].map((allow) => ({ allow }));

/** Fixtures, a neighbour with other names, and routes to them in a running system. Returns the key that may use them all. */
export async function furnish(system, fixtures) {
  const neighbour = await startHttpUpstream(system.directory);
  const server = (name, url) => ({ organization: ORGANIZATION, name, http: { url, allowPrivateNetwork: true } });
  const names = Object.keys(fixtures);
  const file = path.join(system.directory, 'conformance.json');
  writeFileSync(
    file,
    JSON.stringify({
      organizations: [{ name: ORGANIZATION }],
      servers: [...names.map((name) => server(name, fixtures[name].url)), server('neighbour', neighbour.url)],
      routes: [
        ...names.map((name) => ({ organization: ORGANIZATION, name, servers: [name] })),
        ...names.map((name) => ({ organization: ORGANIZATION, name: `federated-${name}`, servers: [name, 'neighbour'], prefix: 'when-needed' })),
      ],
      roles: [{ organization: ORGANIZATION, name: 'all', rules: ALLOW_ALL }],
      consumers: [{ organization: ORGANIZATION, name: 'suite', roles: ['all'] }],
    }),
  );
  await applyFile(system, file);
  const { key } = await createKey(system, ORGANIZATION, 'suite');
  for (const edge of system.edgeUrls ?? [system.edgeUrl]) {
    for (const route of names) await until(`${edge} lists the tools of ${route}`, async () => (await modern(`${edge}/mcp/${route}`, key, 'tools/list')).message.result?.tools?.length > 0);
  }
  return { key, close: () => neighbour.child.stop() };
}
