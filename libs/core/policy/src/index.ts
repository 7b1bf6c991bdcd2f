export { makeBundle, openBundle, signBundle, type BundleSigner, type MadeBundle } from './bundle.js';
export { checkRoles } from './check-roles.js';
export type { Finding } from './findings.js';
export { PolicyEngine } from './policy-engine.js';
export type { PreparsedLimits } from './preparsed-slices.js';
