export { BillingModule } from './billing.module.js';
export { billingConfig, type BillingConfig } from './config.js';
