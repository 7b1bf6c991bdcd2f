export { registryConfig, type RegistryConfig } from './registry.config.js';
export { RegistryModule } from './registry.module.js';
