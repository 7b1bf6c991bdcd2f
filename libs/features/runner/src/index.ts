export { runnerConfig, type RunnerConfig, type RunnerSettings } from './runner.config.js';
