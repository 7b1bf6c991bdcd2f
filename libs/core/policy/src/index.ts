export { canonicalJson, digestOf, makeBundle, openBundle, signBundle, type BundleSigner, type MadeBundle } from './bundle.js';
export { checkRoles } from './check-roles.js';
export { compileRoles, MAX_POLICIES, MAX_POLICY_BYTES, type CompiledRoles } from './compile-roles.js';
export type { Finding } from './findings.js';
export { globMatcher } from './glob.js';
export { PolicyEngine } from './policy-engine.js';
export type { PreparsedLimits } from './preparsed-slices.js';
export { planProjection, projectArguments, type Projection, type ProjectionPlan } from './project-arguments.js';
export { SliceIndex, type Slice } from './slice-index.js';
