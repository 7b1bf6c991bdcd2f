import { GatewayError, MAX_ENTRY_BYTES, type AuditEntry, type EntryId } from '@mcpgw/contracts';
import { canonicalize } from '@mcpgw/core-transparency-log';
import type { EntryDraft } from '../ports.js';

/** Free text that a client or a server chose is cut to this when the entry would be too long otherwise. */
const SHORT_CHARACTERS = 1_024;

export interface EntryPlace {
  readonly entryId: EntryId;
  readonly time: string;
  readonly edge: AuditEntry['edge'];
}

export interface EntryText {
  readonly text: string;
  /** UTF-8 length. */
  readonly bytes: number;
}

/** The entry's canonical text. Throws `payload_too_large` when it can't be brought below 60 KiB. */
export function entryText(draft: EntryDraft, place: EntryPlace): EntryText {
  const whole = measured(canonicalText({ v: 1, ...place, ...draft }));
  if (whole.bytes <= MAX_ENTRY_BYTES) return whole;
  const shorter = measured(canonicalText({ v: 1, ...place, ...shortened(draft) }));
  if (shorter.bytes <= MAX_ENTRY_BYTES) return shorter;
  throw new GatewayError('payload_too_large', `The audit entry of this ${draft.method.slice(0, 64)} would have ${shorter.bytes} bytes; at most ${MAX_ENTRY_BYTES} can be logged. Use fewer roles or shorter names.`);
}

/** Text from outside may hold lone surrogates, which have no canonical form: they become U+FFFD. */
function canonicalText(entry: AuditEntry): string {
  try {
    return canonicalize(entry);
  } catch (error) {
    if (error instanceof TypeError) return canonicalize(wellFormed(entry));
    throw error;
  }
}

function measured(text: string): EntryText {
  return { text, bytes: Buffer.byteLength(text) };
}

function shortened(draft: EntryDraft): EntryDraft {
  const { client, target, decision } = draft;
  return {
    ...draft,
    method: short(draft.method),
    client: { ...client, ...(client.name !== undefined && { name: short(client.name) }), ...(client.protocolVersion !== undefined && { protocolVersion: short(client.protocolVersion) }) },
    ...(target !== undefined && { target: short(target) }),
    ...(decision?.reason !== undefined && { decision: { ...decision, reason: short(decision.reason) } }),
  };
}

function short(text: string): string {
  return text.length <= SHORT_CHARACTERS ? text : `${text.slice(0, SHORT_CHARACTERS - 1).toWellFormed()}\u2026`;
}

function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, wellFormed(member)]));
}
