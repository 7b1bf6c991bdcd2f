import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { ERRORS, GatewayError, toGatewayError, type EntryId } from '@mcpgw/contracts';
import { canonicalize } from '@mcpgw/core-transparency-log';
import { CLOCK, KEY_FILES, LOGGER, type Clock, type KeyFiles, type Logger } from '@mcpgw/platform-runtime';
import { faultAnswer, type Answer } from '../http/answer.js';
import type { EntryWriter } from '../ports.js';
import { ENTRIES } from '../tokens.js';
import { CallRecord, type Outcome } from './call-record.js';
import { CallTelemetry } from './call-telemetry.js';
import type { Refusal } from './refusal.js';
import type { Wanted } from './wanted.js';

/** Writes what became of each request: its entries, and one line of the log. */
@Injectable()
export class Journal {
  private readonly argumentsKey: KeyObject;

  constructor(
    @Inject(ENTRIES) private readonly entries: EntryWriter,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(CLOCK) private readonly clock: Clock,
    private readonly telemetry: CallTelemetry,
    @Inject(KEY_FILES) keyFiles: KeyFiles,
  ) {
    this.argumentsKey = createSecretKey(keyFiles.symmetric('audit-arguments'));
  }

  open(address: string | undefined, requestBytes: number, route: string | undefined): CallRecord {
    const record = new CallRecord(this.clock, address, requestBytes);
    record.route = route;
    return record;
  }

  /** Throws `spool_unavailable` while nothing can be written down: then nothing may be done. */
  requireRoom(): void {
    if (!this.entries.accepting()) throw new GatewayError('spool_unavailable', 'The gateway can not write its audit log at the moment and refuses all calls. The operator sees the reason in: mcpgw status.');
  }

  /** What the request wants; its arguments as a keyed digest only. */
  note(record: CallRecord, wanted: Wanted): void {
    record.wanted = wanted;
    if (wanted.action !== 'resources/read') record.argumentsHmac = createHmac('sha256', this.argumentsKey).update(canonicalize(wanted.arguments)).digest('hex');
  }

  intent(record: CallRecord, regulated: boolean): Promise<EntryId> {
    return this.entries.append(record.draft('intent'), regulated ? 'committed' : 'fsynced');
  }

  /** The end of a call that has an intent. Not awaited: were the entry lost, the intent would be closed as `unknown`. */
  outcome(record: CallRecord, intentId: EntryId, answer: Answer, outcome: Outcome, fault?: GatewayError): void {
    this.entries.append(record.draft('outcome', outcome, intentId), 'queued').catch((error: unknown) => {
      this.logger.error({ err: error, callId: record.callId }, 'the outcome of a call could not be written; its intent will be closed as unknown');
    });
    this.line(record, answer.http, outcome, fault);
  }

  /** The end of a request that the gateway answered by itself. */
  async answered(record: CallRecord, answer: Answer): Promise<Answer> {
    const outcome = record.outcome('ok', undefined, bytesOf(answer));
    await this.entries.append(record.draft('outcome', outcome), 'queued');
    this.line(record, answer.http, outcome);
    return answer;
  }

  /** A request that is a round of a longer call: the call's own entries tell of it. */
  round(record: CallRecord, answer: Answer): Answer {
    this.line(record, answer.http, record.outcome('ok', 'round', bytesOf(answer)));
    return answer;
  }

  /** On disk before the caller hears of it: a refusal has no intent that would tell of it later. */
  async refused(record: CallRecord, { code, answer }: Refusal): Promise<Answer> {
    const outcome = record.outcome('error', code, bytesOf(answer));
    await this.entries.append(record.draft('denied', outcome), 'fsynced');
    this.line(record, answer.http, outcome);
    return answer;
  }

  /** A fault on the way, before anything was done. */
  async failed(record: CallRecord, thrown: unknown): Promise<Answer> {
    const fault = toGatewayError(thrown);
    const answer = faultAnswer(record.requestId, fault);
    const outcome = record.outcome('error', fault.code, bytesOf(answer));
    if (fault.code !== 'spool_unavailable') {
      await this.entries.append(record.draft('denied', outcome), 'fsynced').catch((error: unknown) => {
        this.logger.error({ err: error, callId: record.callId }, 'the entry of a failed request could not be written');
      });
    }
    this.line(record, answer.http, outcome, fault);
    return answer;
  }

  private line(record: CallRecord, http: number, outcome: Outcome, fault?: GatewayError): void {
    const summary = record.summary(http, outcome);
    if (fault === undefined) this.logger.info(summary, 'request');
    else this.logger[ERRORS[fault.code].level]({ ...summary, problem: fault.message, err: fault.cause }, 'request');
    this.telemetry.observe(record, outcome, this.clock.now());
  }
}

function bytesOf(answer: Answer): number {
  return answer.body === undefined ? 0 : Buffer.byteLength(answer.body);
}
