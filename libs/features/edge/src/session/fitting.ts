import { isObject } from '@mcpgw/core-mcp-wire';
import type { StreamEvent } from '../http/resumable-stream.js';

/** What a message on the bus has besides the JSON text that it carries. */
const ENVELOPE_BYTES = 4_096;
/** A text grows when it is made a JSON string, by quotes as a rule; below this share of the bound it fits whatever it holds. */
const SAFE_SHARE = 8;

/** The message as the bus can carry it. An answer that is too large becomes an error that says so; anything else is empty and dropped. */
export function fitting(json: string, maxBytes: number): string | undefined {
  if (fits(json, maxBytes)) return json;
  const message: unknown = JSON.parse(json);
  if (!isObject(message) || 'method' in message) return undefined;
  return JSON.stringify({ jsonrpc: '2.0', id: message['id'], error: { code: -32603, message: 'The answer is too large to be brought to the stream of its client. The operator raises max_payload of NATS.' } });
}

/** As many events as go into one message; never none of some. */
export function fittingEvents(events: readonly StreamEvent[], maxBytes: number): StreamEvent[] {
  const taken: StreamEvent[] = [];
  let left = maxBytes - ENVELOPE_BYTES;
  for (const { number, json } of events) {
    const text = fitting(json, maxBytes);
    left -= Buffer.byteLength(JSON.stringify(text ?? ''));
    if (left < 0 && taken.length > 0) break;
    // What is dropped leaves its number behind: the client's edge waits for each.
    taken.push({ number, json: text ?? '' });
  }
  return taken;
}

function fits(json: string, maxBytes: number): boolean {
  return json.length < maxBytes / SAFE_SHARE || Buffer.byteLength(JSON.stringify(json)) + ENVELOPE_BYTES <= maxBytes;
}
