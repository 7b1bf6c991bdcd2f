export { runnerConfig, type RunnerConfig, type RunnerSettings } from './runner.config.js';
export { RunnerModule } from './runner.module.js';
