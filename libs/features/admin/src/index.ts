export { AdminModule } from './admin-module.js';
export { ADMIN_BODY_LIMIT, adminConfig, type AdminConfig } from './config.js';
