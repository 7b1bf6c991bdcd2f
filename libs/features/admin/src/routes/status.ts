import { auditStatus, billingStatus, edgeStatus, GatewayError, policyStatus, registryStatus, runnerStatus, serverHealth, serviceStatus, type Rpc, type ServiceStatus } from '@mcpgw/contracts';
import { z } from 'zod';
import { route, type AdminPorts, type Call, type Route } from '../http/route.js';

const DEADLINE_MS = 1_000;

const serviceLine = serviceStatus.extend({ up: z.boolean().describe('Whether it answered within a second') });
type ServiceLine = z.infer<typeof serviceLine>;

const statusReply = z.object({
  ready: z.boolean().describe('Every service is up and ready'),
  services: z.array(serviceLine),
  servers: z.array(z.object({ organization: z.string(), name: z.string(), health: serverHealth })),
});

const SERVICES: Readonly<Record<string, Rpc<Record<string, never>, ServiceStatus>>> = {
  edge: edgeStatus,
  registry: registryStatus,
  policy: policyStatus,
  audit: auditStatus,
  billing: billingStatus,
  runner: runnerStatus,
};

type Ask = Call<unknown, unknown, unknown>['ask'];

async function askService(ask: Ask, service: string, message: Rpc<Record<string, never>, ServiceStatus>): Promise<ServiceLine> {
  try {
    return { ...(await ask(message, {}, DEADLINE_MS)), up: true };
  } catch (error) {
    const why = error instanceof GatewayError ? error.message : 'It failed to say how it is.';
    const problem = { component: service, message: `The ${service} service does not answer. ${why}`, action: `Start it (nx serve ${service}, or npm start for all), and look at its log.` };
    return { service, instance: '', ready: false, startedAt: '', problems: [problem], details: {}, up: false };
  }
}

/** Without the registry there is no list of servers; that it is away is already said in its own line. */
async function serverLines({ servers }: AdminPorts): Promise<z.infer<typeof statusReply>['servers']> {
  const deadline = new Promise<readonly never[]>((resolve) => setTimeout(resolve, DEADLINE_MS, []).unref());
  const views = await Promise.race([servers.all().catch(() => []), deadline]);
  return views.map(({ config, health }) => ({ organization: config.organization, name: config.name, health }));
}

export const statusRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/status',
    tag: 'status',
    summary: 'How every service and every server is, and what to do about what is wrong.',
    reply: statusReply,
    handle: async ({ ask }, ports) => {
      const [servers, ...others] = await Promise.all([serverLines(ports), ...Object.entries(SERVICES).map(([service, message]) => askService(ask, service, message))]);
      const services = [...others, { ...ports.health.status(), up: true }];
      return { ready: services.every(({ up, ready }) => up && ready), services, servers };
    },
  }),
];
