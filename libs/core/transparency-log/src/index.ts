export { canonicalize } from './canonical-json.js';
export {
  formatCheckpoint,
  formatVerifierKey,
  noteVerifier,
  openCheckpoint,
  parseVerifierKey,
  signNote,
  type CheckpointText,
  type NoteSigner,
  type NoteVerifier,
  type OpenedCheckpoint,
} from './checkpoint-note.js';
export { EdgeSequences } from './edge-sequences.js';
export { exitCodeOf, FINDING_CODES, type Finding, type FindingCode } from './findings.js';
export { LogChecker, parseBody, type FinishOptions, type LogCheckerOptions } from './log-checker.js';
export { appendLeaves, EMPTY_FRONTIER, frontierBytes, frontierOf, HASH_BYTES, leafHash, nodeHash, rootOf, type Frontier } from './merkle.js';
export { consistencyProof, inclusionProof, rangeRootOf, verifyConsistency, verifyInclusion, type RangeRoot } from './proofs.js';
export { verifyLog, type LogReport, type LogSource, type VerifyOptions } from './verify-log.js';
