export { checkRoles } from './check-roles.js';
export type { Finding } from './findings.js';
