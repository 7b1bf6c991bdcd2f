import 'reflect-metadata';
import { runnerConfig, RunnerModule } from '@mcpgw/feature-runner';
import { runService } from '@mcpgw/platform-runtime';

await runService('runner', runnerConfig, (config, { dataDir, keysDir }) => ({ module: RunnerModule.forRoot({ ...config, dataDir, keysDir }) }));
