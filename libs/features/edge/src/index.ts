export { edgeConfig, type EdgeConfig } from './edge.config.js';
export { EdgeModule } from './edge.module.js';
