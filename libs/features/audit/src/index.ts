export { auditConfig, type AuditConfig } from './audit.config.js';
export { AuditModule } from './audit.module.js';
