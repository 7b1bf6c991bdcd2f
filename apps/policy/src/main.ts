import 'reflect-metadata';
import { policyConfig, PolicyModule } from '@mcpgw/feature-policy';
import { runService } from '@mcpgw/platform-runtime';

await runService('policy', policyConfig, (config) => ({ module: PolicyModule.forRoot(config) }));
