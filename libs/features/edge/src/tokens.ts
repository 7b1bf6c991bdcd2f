/** Injection tokens of the ports (ports.ts) and of what starts and stops with the module. */
export const ENTRIES = Symbol('EntryWriter');
export const POLICY = Symbol('PolicyPort');
export const UPSTREAMS = Symbol('UpstreamPort');
export const POLICY_CHANGES = Symbol('PolicyChanges');
/** A ResourceWatchPort. */
export const RESOURCE_WATCH = Symbol('ResourceWatchPort');
/** A TaskNewsPort (session/task-news.ts). */
export const TASK_NEWS = Symbol('TaskNewsPort');
export const PARTS = Symbol('Parts');

/** Says when the policy of an organization has changed. Returns the way to stop. */
export interface PolicyChanges {
  onChange(listener: () => void): () => void;
}

/** Started in this order before the port opens, closed the other way round after it is shut and the last call has ended. */
export interface Part {
  start?(): void | Promise<void>;
  close(): void | Promise<void>;
}
