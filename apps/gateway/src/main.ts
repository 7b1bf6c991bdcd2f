import 'reflect-metadata';
import path from 'node:path';
import { runProcess } from '@mcpgw/platform-runtime';
import { banner } from './banner.js';
import { completeFirstRun } from './first-run.js';
import { startGateway } from './gateway.js';

const began = performance.now();

await runProcess('gateway', async (logger, common, signal) => {
  const gateway = await startGateway(common, logger, signal);
  try {
    const { first, info } = await completeFirstRun(gateway, common, logger);
    process.stdout.write(banner(gateway, first, info, path.join(common.dataDir, 'first-run.json'), (performance.now() - began) / 1_000));
  } catch (error) {
    await gateway.close();
    throw error;
  }
  logger.info({ edge: gateway.edgeUrl, admin: gateway.adminUrl, metrics: gateway.metricsUrl }, 'the gateway is up');
  return () => gateway.close();
});
