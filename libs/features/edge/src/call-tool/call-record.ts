import { createHash } from 'node:crypto';
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
    return {
      status,
      ...(code === undefined ? {} : { code }),
      bytes,
      durationUs: Math.round(this.clock.monotonicUs() - this.startedUs),
      ...(this.upstreamUs === undefined ? {} : { upstreamUs: Math.round(this.upstreamUs) }),
      ...(resultText === undefined ? {} : { resultDigest: createHash('sha256').update(resultText).digest('hex') }),
    };
  }

  draft(phase: EntryDraft['phase'], outcome?: Outcome, intentId?: EntryId): EntryDraft {
    const { principal, wanted } = this;
    return {
      callId: this.callId,
      ...(intentId === undefined ? {} : { intentId }),
      phase,
      organization: this.organization,
      ...(principal === undefined ? {} : { principal: who(principal) }),
      client: defined({ address: this.address, era: this.era, protocolVersion: this.protocolVersion, name: this.clientName?.slice(0, MAX_NAME_CHARACTERS) }),
      method: this.method.slice(0, MAX_METHOD_CHARACTERS),
      ...(wanted === undefined ? {} : { server: wanted.destination.server.config.name, serverRevision: wanted.destination.server.revision, target: wanted.destination.target }),
      request: { bytes: this.requestBytes, ...(this.argumentsHmac === undefined ? {} : { argumentsHmac: this.argumentsHmac }) },
      ...(this.decision === undefined ? {} : { decision: this.decision }),
      ...(outcome === undefined ? {} : { outcome }),
      ...defined({ route: this.route?.slice(0, MAX_NAME_CHARACTERS), traceId: this.traceId() }),
    };
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
  return { consumer, ...(user === undefined ? {} : { user }), ...(keyId === undefined ? {} : { keyId }), roles: [...roles] };
}

/** Without the members that are undefined: canonical JSON has no such thing. */
function defined<T extends object>(value: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as { [Key in keyof T]: Exclude<T[Key], undefined> };
}
