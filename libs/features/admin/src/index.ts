export { AdminModule } from './admin-module.js';
export { adminConfig, type AdminConfig } from './config.js';
