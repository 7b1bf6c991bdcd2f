import { CliError } from '../cli-error.js';
import type { Connection } from '../gateway/connection.js';
import { agentFor, describeEndpoint, request, type Endpoint } from '../gateway/endpoint.js';
import { aboutServer, gatewayStatus } from '../gateway/status.js';
import type { Hop } from './hop.js';
import { checkBubblewrap, checkDataDirectory, checkNode } from './machine.js';

const PROBE_MS = 3_000;
const LIST_MS = 15_000;

/** Every hop in the order a call takes it; a hop behind one that failed is not tried. */
export async function* diagnose(gateway: Connection): AsyncGenerator<Hop> {
  yield checkNode();
  yield await checkBubblewrap();
  yield checkDataDirectory(gateway.settings.dataDir);
  const admin = await reach('management API', () => gateway.adminEndpoint());
  yield admin;
  yield* admin.state === 'ok' ? behindAdmin(gateway) : [skipped('operator token', 'management API'), skipped('services', 'management API'), skipped('servers', 'management API')];
  const edge = await reach('edge', () => gateway.edgeEndpoint());
  yield edge;
  yield edge.state === 'ok' ? await checkConsumerKey(gateway) : skipped('consumer key', 'edge');
}

async function* behindAdmin(gateway: Connection): AsyncGenerator<Hop> {
  let status;
  try {
    status = await gateway.admin().call('GET', 'status', gatewayStatus);
  } catch (error) {
    yield failed('operator token', error, 'Give the token of this gateway as MCPGW_ADMIN_TOKEN; the first one is in <data dir>/first-run.json.');
    yield skipped('services', 'operator token');
    yield skipped('servers', 'operator token');
    return;
  }
  yield { hop: 'operator token', state: 'ok', detail: 'accepted' };
  for (const { service, up, ready, problems } of status.services) {
    const first = problems.find((problem) => !aboutServer(problem));
    yield up && ready
      ? { hop: `service ${service}`, state: 'ok', detail: first ? `ready, with a problem: ${first.message}` : 'ready', ...(first ? { fix: first.action } : {}) }
      : { hop: `service ${service}`, state: 'failed', detail: first?.message ?? 'is not ready', fix: first?.action ?? 'Look at its log.' };
  }
  for (const { organization, name, health } of status.servers) {
    const hop = `server ${organization}/${name}`;
    yield health.state === 'failed'
      ? { hop, state: 'failed', detail: health.problem ?? 'failed', fix: `After the cause is gone: mcpgw server refresh ${name} --organization ${organization}` }
      : { hop, state: 'ok', detail: health.state };
  }
}

async function checkConsumerKey(gateway: Connection): Promise<Hop> {
  const hop = 'consumer key';
  try {
    const edge = gateway.edge({});
    await edge.ask('tools/list', {}, LIST_MS);
    return { hop, state: 'ok', detail: 'accepted; tools can be listed' };
  } catch (error) {
    return failed(hop, error, 'Make a key with "mcpgw key create" and give it as MCPGW_CONSUMER_KEY.');
  }
}

async function reach(hop: string, find: () => Endpoint): Promise<Hop> {
  const start = 'Start the gateway with "npm start" or "mcpgw up", or say where it is (MCPGW_ADMIN_URL, MCPGW_EDGE_URL).';
  try {
    const at = find();
    const agent = agentFor(at);
    try {
      const { statusCode, body } = await request(`${at.url}/healthz`, { dispatcher: agent, signal: AbortSignal.timeout(PROBE_MS) });
      await body.dump();
      if (statusCode === 200) return { hop, state: 'ok', detail: `answers at ${describeEndpoint(at)}` };
      return { hop, state: 'failed', detail: `${describeEndpoint(at)} answers HTTP ${statusCode}`, fix: 'Something else may listen there, or the host name is not allowed.' };
    } catch {
      return { hop, state: 'failed', detail: `nobody answers at ${describeEndpoint(at)}`, fix: start };
    } finally {
      await agent.destroy();
    }
  } catch (error) {
    return failed(hop, error, start);
  }
}

function failed(hop: string, error: unknown, fix: string): Hop {
  return { hop, state: 'failed', detail: error instanceof CliError ? error.message : String(error), fix };
}

function skipped(hop: string, because: string): Hop {
  return { hop, state: 'skipped', detail: `not tried, because "${because}" fails` };
}
