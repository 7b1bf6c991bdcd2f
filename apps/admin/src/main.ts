import 'reflect-metadata';
import { adminConfig, AdminModule } from '@mcpgw/feature-admin';
import { runService } from '@mcpgw/platform-runtime';

await runService('admin', adminConfig, (config) => ({
  module: AdminModule.forRoot(config),
  listen: { host: config.adminHost, port: config.adminPort, bodyLimit: config.adminMaxBodyBytes },
}));
