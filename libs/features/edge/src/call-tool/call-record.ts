import { hash } from 'node:crypto';
import { OPERATOR_LOG, type AuditEntry, type CallId, type EntryId, type Era, type OrganizationName } from '@mcpgw/contracts';
import type { RequestId } from '@mcpgw/core-mcp-wire';
import { uuid7, type Clock } from '@mcpgw/platform-runtime';
import type { Principal } from '../authn/principal.js';
import type { EntryDraft } from '../ports.js';
import type { Wanted } from './wanted.js';

const MAX_METHOD_CHARACTERS = 128;
const MAX_NAME_CHARACTERS = 128;

export type Outcome = NonNullable<AuditEntry['outcome']>;

/**
 * What is known of one request so far, and what its entries and its log line say. Nothing here is a token, an argument or a
 * payload. Until somebody is recognised it belongs to the operator's log.
 */
export class CallRecord {
  readonly callId: CallId;
  organization: OrganizationName = OPERATOR_LOG;
  principal: Principal | undefined;
  era: Era | undefined;
  protocolVersion: string | undefined;
  clientName: string | undefined;
  method = 'unparsed';
  /** Of the JSON-RPC request, once it could be read. */
  requestId: RequestId | null = null;
  route: string | undefined;
  wanted: Wanted | undefined;
  argumentsHmac: string | undefined;
  decision: AuditEntry['decision'];
  /** W3C trace context of the caller. */
  traceparent: string | undefined;
  upstreamUs: number | undefined;
  /** Its terminal entry is written already, ahead of its answer: an event stream that stays open. */
  isWritten = false;
  private readonly startedUs: number;

  constructor(
    private readonly clock: Clock,
    private readonly address: string | undefined,
    private readonly requestBytes: number,
  ) {
    this.callId = uuid7(clock.now()) as CallId;
    this.startedUs = clock.monotonicUs();
  }

  recognise(principal: Principal): void {
    this.principal = principal;
    this.organization = principal.organization;
  }

  private traceId(): string | undefined {
    return this.traceparent?.slice(3, 35);
  }

  outcome(status: Outcome['status'], code: string | undefined, bytes: number, resultText?: string): Outcome {
    const outcome: Outcome = { status, bytes, durationUs: Math.round(this.clock.monotonicUs() - this.startedUs) };
    if (code !== undefined) outcome.code = code;
    if (this.upstreamUs !== undefined) outcome.upstreamUs = Math.round(this.upstreamUs);
    if (resultText !== undefined) outcome.resultDigest = hash('sha256', resultText, 'hex');
    return outcome;
  }

  /** Members that are unknown are left out: canonical JSON has no `undefined`. Filled one by one, because every call comes here twice. */
  draft(phase: EntryDraft['phase'], outcome?: Outcome, intentId?: EntryId): EntryDraft {
    const { wanted } = this;
    const request: EntryDraft['request'] = { bytes: this.requestBytes };
    if (this.argumentsHmac !== undefined) request.argumentsHmac = this.argumentsHmac;
    const draft: EntryDraft = { callId: this.callId, phase, organization: this.organization, client: this.client(), method: this.method.slice(0, MAX_METHOD_CHARACTERS), request };
    if (intentId !== undefined) draft.intentId = intentId;
    if (this.principal !== undefined) draft.principal = who(this.principal);
    if (wanted !== undefined) {
      draft.server = wanted.destination.server.config.name;
      draft.serverRevision = wanted.destination.server.revision;
      draft.target = wanted.destination.target;
    }
    if (this.decision !== undefined) draft.decision = this.decision;
    if (outcome !== undefined) draft.outcome = outcome;
    if (this.route !== undefined) draft.route = this.route.slice(0, MAX_NAME_CHARACTERS);
    const traceId = this.traceId();
    if (traceId !== undefined) draft.traceId = traceId;
    return draft;
  }

  private client(): EntryDraft['client'] {
    const client: EntryDraft['client'] = {};
    if (this.address !== undefined) client.address = this.address;
    if (this.era !== undefined) client.era = this.era;
    if (this.protocolVersion !== undefined) client.protocolVersion = this.protocolVersion;
    if (this.clientName !== undefined) client.name = this.clientName.slice(0, MAX_NAME_CHARACTERS);
    return client;
  }

  /** The one line that the log gets. */
  summary(http: number, outcome: Outcome): object {
    const { principal, wanted } = this;
    return {
      callId: this.callId,
      organization: this.organization,
      consumer: principal?.consumer,
      method: this.method.slice(0, MAX_METHOD_CHARACTERS),
      route: this.route,
      server: wanted?.destination.server.config.name,
      // A resource's URI may carry what its owner wants to keep out of logs; the entry has it.
      target: wanted?.action === 'resources/read' ? undefined : wanted?.destination.target,
      era: this.era,
      effect: this.decision?.effect,
      status: outcome.status,
      code: outcome.code,
      http,
      bytesIn: this.requestBytes,
      bytesOut: outcome.bytes,
      durationUs: outcome.durationUs,
      upstreamUs: outcome.upstreamUs,
      traceId: this.traceId(),
    };
  }
}

function who({ consumer, user, keyId, roles }: Principal): NonNullable<AuditEntry['principal']> {
  const said: NonNullable<AuditEntry['principal']> = { consumer, roles: [...roles] };
  if (user !== undefined) said.user = user;
  if (keyId !== undefined) said.keyId = keyId;
  return said;
}
