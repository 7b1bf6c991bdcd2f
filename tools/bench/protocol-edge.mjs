// The edge's protocol layer alone, for `npm run bench:protocol`: the real module on a memory bus, with authentication, policy, limits
// and audit answering at once and without work. MODERN and LEGACY are the URLs of one upstream of each era.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { consumerConfig, organizationConfig, registrySnapshot, routeConfig, serverConfig, serverDefinition } from '../../libs/contracts/dist/index.js';
import { Authenticator } from '../../libs/features/edge/dist/authn/authenticator.js';
import { Journal } from '../../libs/features/edge/dist/call-tool/journal.js';
import { edgeConfig } from '../../libs/features/edge/dist/edge.config.js';
import { EdgeModule } from '../../libs/features/edge/dist/edge.module.js';
import { LocalPolicy } from '../../libs/features/edge/dist/policy/local-policy.js';
import { Spool } from '../../libs/features/edge/dist/spool/spool.js';
import { MemoryBus } from '../../libs/platform/bus/dist/index.js';
import { Health, KeyFiles, silentLogger, startService, systemClock } from '../../libs/platform/runtime/dist/index.js';

const dataDir = mkdtempSync(path.join(tmpdir(), 'mcpgw-bench-'));
const organization = 'bench';
const tools = [{ name: 'tool_1', inputSchema: { type: 'object', properties: { text: { type: 'string' }, customer_id: { type: 'string' } } } }];

function server(name, url, era) {
  const definition = serverDefinition.parse({ era, protocolVersion: era === 'modern' ? '2026-07-28' : '2025-11-25', serverInfo: { name, version: '1' }, capabilities: { tools: {} }, tools, resources: [], resourceTemplates: [], prompts: [], dropped: [] });
  return { config: serverConfig.parse({ organization, name, http: { url, allowPrivateNetwork: true } }), revision: 1, health: { state: 'ready', since: new Date().toISOString() }, definition };
}

const view = {
  organization: organizationConfig.parse({ name: organization }),
  revision: 1,
  servers: [server('modern', process.env.MODERN, 'modern'), server('legacy', process.env.LEGACY, 'legacy')],
  routes: ['modern', 'legacy'].map((name) => routeConfig.parse({ organization, name, servers: [name] })),
  roles: [],
  consumers: [consumerConfig.parse({ organization, name: 'agent' })],
  limits: [],
  keys: [],
  secrets: [],
};

const principal = { organization, consumer: 'agent', roles: ['all'], attributes: {} };
const permit = { effect: 'permit', ruleIds: [], bundleDigest: '' };

/** What a call has to go through however little is written down of it. */
class NoAudit extends Journal {
  note(record, wanted) {
    record.wanted = wanted;
  }
  intent() {
    return Promise.resolve('0');
  }
  outcome() {}
  answered(_record, answer) {
    return Promise.resolve(answer);
  }
}

const bus = new MemoryBus();
bus.handle(registrySnapshot, async ({ known }) => ({ changed: known[organization] === 1 ? [] : [view], removed: [], more: false }));
const config = edgeConfig.parse({ dataDir });
const module = EdgeModule.forRoot(config);
const stubs = [
  { provide: Spool, useValue: { append: () => Promise.resolve('0'), accepting: () => true, start() {}, close() {} } },
  { provide: LocalPolicy, useValue: { decide: () => permit, mayEver: () => true, digest: () => 'd', onChange: () => () => {}, start() {}, close() {} } },
  { provide: Authenticator, useValue: { authenticate: () => ({ principal }) } },
];
const providers = [...module.providers.map((provider) => (provider === Journal ? { provide: Journal, useClass: NoAudit } : provider)), ...stubs];
const context = { bus, logger: silentLogger, health: new Health('edge', 'edge-bench', new Date()), clock: systemClock, keyFiles: new KeyFiles(path.join(dataDir, 'keys')) };
const service = await startService(context, { ...module, providers }, { host: '127.0.0.1', port: Number(process.env.PORT), bodyLimit: config.maxBodyBytes });
console.log('listening');

process.stdin.on('end', async () => {
  await service.close();
  rmSync(dataDir, { recursive: true, force: true });
  process.exit(0);
}).resume();
