import 'reflect-metadata';
import { edgeConfig, EdgeModule } from '@mcpgw/feature-edge';
import { runService } from '@mcpgw/platform-runtime';

await runService('edge', edgeConfig, (config) => ({
  module: EdgeModule.forRoot(config),
  listen: { host: config.edgeHost, port: config.edgePort, bodyLimit: config.maxBodyBytes },
}));
