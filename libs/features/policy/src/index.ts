export { policyConfig, type PolicyConfig } from './policy-config.js';
export { PolicyModule } from './policy.module.js';
