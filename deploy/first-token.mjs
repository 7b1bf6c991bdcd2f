// The first operator token of a new installation, printed once and never again: any later call says that it was given.
//   docker compose exec registry node deploy/first-token.mjs
//   kubectl -n mcp-gateway exec deploy/registry -- node deploy/first-token.mjs
import { registryBootstrap } from '@mcpgw/contracts';
import { connectNatsBus } from '@mcpgw/platform-bus';
import { commonConfig, loadConfig } from '@mcpgw/platform-runtime';

const { natsUrl } = loadConfig(commonConfig);
if (!natsUrl) {
  console.error('MCPGW_NATS_URL is not set: run this inside the container of a service.');
  process.exit(2);
}
const bus = await connectNatsBus({ url: natsUrl, name: 'first-token', onFault: (error) => console.error(error), onWaiting: (message) => console.error(message), signal: AbortSignal.timeout(30_000) });
const { adminToken } = await bus.request(registryBootstrap, {});
await bus.close();
if (adminToken === null) {
  console.error('The first operator token was already given.');
  process.exit(1);
}
console.log(adminToken);
