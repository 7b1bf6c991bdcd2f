import { createHash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { isObject, MAX_ASK_KEY_CHARACTERS, mayAskForInput, type JsonObject } from '@mcpgw/core-mcp-wire';
import { canonicalize } from '@mcpgw/core-transparency-log';
import { CLOCK, KEY_FILES, type Clock, type KeyFiles } from '@mcpgw/platform-runtime';
import type { Admitted } from '../call-tool/door.js';
import { isGoverned, type GovernedMethod, type Wanted } from '../call-tool/wanted.js';
import { Seal } from './seal.js';

/** A legacy server's call that waits for answers: in which instance, and for the answers of which round. */
export interface FlowState {
  readonly instance: string;
  readonly flow: string;
  readonly round: number;
}

/** How a request stands to what went before it. `again`: the same call goes to the server once more, with what its client brings. */
export type Entering =
  | { readonly kind: 'first'; readonly wanted: Wanted }
  | { readonly kind: 'again'; readonly wanted: Wanted }
  | { readonly kind: 'flow'; readonly state: FlowState; readonly responses: Readonly<Record<string, JsonObject>> }
  | { readonly kind: 'invalid' };

type Sealed = readonly [expiresAtMs: number, kind: 'flow', instance: string, flow: string, round: number] | readonly [expiresAtMs: number, kind: 'upstream', state: string | null];

const MAX_STATE_CHARACTERS = 1_048_576;
/** A server's own state says nothing of its age to us; nobody answers a question after an hour. */
const UPSTREAM_STATE_MS = 3_600_000;
const INVALID: Entering = { kind: 'invalid' };

/**
 * `requestState` as our clients see it (MCP 2026-07-28, basic/patterns/mrtr). A state opens only for the subject, server, method,
 * target and arguments that it was made for; altered, expired and foreign ones are one and the same to whoever sends them.
 */
@Injectable()
export class RequestStates {
  private readonly seal: Seal;

  constructor(
    @Inject(KEY_FILES) keyFiles: KeyFiles,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.seal = new Seal(keyFiles.symmetric('sessions'), 'mcpgw request state', MAX_STATE_CHARACTERS);
  }

  ofFlow(binding: string, { instance, flow, round }: FlowState, lifetimeMs: number): string | undefined {
    return this.seal.seal([this.clock.now() + lifetimeMs, 'flow', instance, flow, round] satisfies Sealed, binding);
  }

  /** `state` absent: the server is to be called again without one. */
  ofUpstream(binding: string, state: string | undefined): string | undefined {
    return this.seal.seal([this.clock.now() + UPSTREAM_STATE_MS, 'upstream', state ?? null] satisfies Sealed, binding);
  }

  enter(admitted: Admitted, method: GovernedMethod, wanted: Wanted): Entering {
    const { params, destination } = wanted;
    if (!('requestState' in params) && !('inputResponses' in params)) return { kind: 'first', wanted };
    // What a method of an extension means by these names is its own affair.
    if (!isGoverned(method)) return { kind: 'first', wanted };
    const { requestState, inputResponses, ...rest } = params;
    if (admitted.era === 'legacy' || !mayAskForInput(method)) return { kind: 'first', wanted: { ...wanted, params: rest } };
    const isModern = destination.server.definition?.era === 'modern';
    const answers = isModern && inputResponses !== undefined ? { inputResponses } : {};
    if (requestState === undefined) return { kind: 'first', wanted: { ...wanted, params: { ...rest, ...answers } } };
    const sealed = this.seal.open(requestState, bindingOf(admitted.subject, method, wanted)) as Sealed | undefined;
    if (!sealed || sealed[0] <= this.clock.now()) return INVALID;
    if (sealed[1] === 'flow') return { kind: 'flow', state: { instance: sealed[2], flow: sealed[3], round: sealed[4] }, responses: objectsOf(inputResponses) };
    const state = sealed[2] === null || !isModern ? {} : { requestState: sealed[2] };
    return { kind: 'again', wanted: { ...wanted, params: { ...rest, ...answers, ...state } } };
  }
}

/** What a state is good for. A digest: arguments may be long and are nobody's to read. */
export function bindingOf(subject: string, method: string, { destination, arguments: given }: Wanted): string {
  return createHash('sha256').update(canonicalize([subject, destination.server.config.name, method, destination.target, given])).digest('base64url');
}

/** An answer that isn't an object, or to what nobody can have asked, is none: it will be asked for again. */
function objectsOf(responses: unknown): Readonly<Record<string, JsonObject>> {
  return isObject(responses) ? Object.fromEntries(Object.entries(responses).filter((entry): entry is [string, JsonObject] => entry[0].length <= MAX_ASK_KEY_CHARACTERS && isObject(entry[1]))) : {};
}
