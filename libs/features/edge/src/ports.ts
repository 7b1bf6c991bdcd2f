import type { AskMethod, AuditEntry, CallId, Decision, DecisionRequest, EntryId, OrganizationName, PolicyAction, ServerName, UpstreamClient, UpstreamReply } from '@mcpgw/contracts';

/** An entry before the spool gives it its place: who writes it, its number and its time are the spool's to say. */
export type EntryDraft = Omit<AuditEntry, 'v' | 'entryId' | 'edge' | 'time'>;

/**
 * Where entries go before anything else happens. `append` resolves with the entry's id once the entry is as safe as asked:
 * `queued` (in order, fsynced soon), `fsynced` (survives kill -9 and power loss of this machine), `committed` (Postgres has it).
 * Rejects with `spool_unavailable` when that can't be had: full, disk fault, or no receipt within the deadline.
 */
export interface EntryWriter {
  append(draft: EntryDraft, until: 'queued' | 'fsynced' | 'committed'): Promise<EntryId>;
  /** False while new calls must be refused because the spool is full or its disk fails. */
  accepting(): boolean;
}

/** The policy enforcement point's view of the decision point. */
export interface PolicyPort {
  decide(request: DecisionRequest): Promise<Decision> | Decision;
  /**
   * Whether a principal with these roles might call the target with some arguments: what lists show. Unconditional in
   * arguments, never more generous than `decide` could be. Cheap: asked once for each listed item.
   */
  mayEver(organization: OrganizationName, roles: readonly string[], action: PolicyAction, server: string, target: string): boolean;
  /** Changes whenever `mayEver` might answer otherwise; `undefined` while there is no bundle (everything is denied). */
  digest(organization: OrganizationName): string | undefined;
}

export interface UpstreamCall {
  readonly organization: OrganizationName;
  readonly server: ServerName;
  readonly revision: number;
  readonly callId: CallId;
  /** In the server's own names. */
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly timeoutMs: number;
  /** On whose behalf; absent: nobody who can be asked anything, on the shared session. */
  readonly client?: UpstreamClient;
  /**
   * Asks the caller what a legacy server asks in the middle of the call; resolves with the caller's own answer. The call's time
   * stands still meanwhile. A modern server asks by its result instead (`resultType: input_required`), which is passed as it is.
   * `withdrawn` aborts when the server takes the question back (`notifications/cancelled` with the ask's id).
   */
  readonly onAsk?: (method: AskMethod, params: Record<string, unknown>, withdrawn?: AbortSignal) => Promise<UpstreamReply>;
  /** The server has closed its stream and has its client come back for the answer (SEP-1699): ours may be told to do the same. */
  readonly onPause?: () => void;
  /** Progress and log notifications of this call, tokens already those of the params. */
  readonly onEvent?: (method: string, params: Record<string, unknown>) => void;
}

/**
 * One trip to an upstream server. Aborting `signal` cancels the call upstream. Rejects with a GatewayError: `upstream_failed`
 * when nothing ran, `upstream_lost` when it may have run, `timeout`, `sandbox_unavailable`, `cancelled`.
 */
export interface UpstreamPort {
  invoke(call: UpstreamCall, signal: AbortSignal): Promise<UpstreamReply>;
}

/**
 * Has an upstream tell of a resource that changes: the news come to every edge as the event `resourceUpdated`. Watching is
 * counted; the result ends it. Never throws: while the upstream is away it is tried again, and a new session is told anew.
 */
export interface ResourceWatchPort {
  watch(organization: OrganizationName, server: ServerName, uri: string): () => void;
}
