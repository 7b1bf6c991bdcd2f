import { isObject, SseDecoder, type JsonObject, type RequestId } from '@mcpgw/core-mcp-wire';
import type { HttpReply } from '../gateway/endpoint.js';

const MAX_MESSAGE_BYTES = 64 * 1_048_576;

/** A message on its way to the client: its JSON on one line. */
export interface Relayed {
  readonly line: string;
  readonly message: JsonObject;
}

/** How far a stream was read: where and when a GET may take it up again (MCP 2025-11-25, transports, resumability). */
export interface StreamPlace {
  lastEventId?: string | undefined;
  retryMs?: number | undefined;
}

/** The messages of a reply, as they come: one of a JSON body, any number of an event stream. Throws when they are no messages. Keeps `place`. */
export async function* messagesOf(reply: HttpReply, place: StreamPlace = {}): AsyncGenerator<Relayed> {
  if (String(reply.headers['content-type'] ?? '').startsWith('text/event-stream')) {
    yield* streamed(reply, place);
    return;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of reply.body) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_MESSAGE_BYTES) throw new Error('The answer is larger than 64 MiB.');
    chunks.push(chunk as Buffer);
  }
  if (bytes > 0) yield relayed(Buffer.concat(chunks).toString('utf8'));
}

async function* streamed(reply: HttpReply, place: StreamPlace): AsyncGenerator<Relayed> {
  const decoder = new SseDecoder({ maxEventBytes: MAX_MESSAGE_BYTES });
  for await (const chunk of reply.body) {
    for (const { data, id } of decoder.push(chunk as Buffer)) {
      place.lastEventId = id ?? place.lastEventId;
      // An event without data only says where to resume.
      if (data !== '') yield relayed(data);
    }
    place.lastEventId = decoder.lastEventId ?? place.lastEventId;
    place.retryMs = decoder.retryMs ?? place.retryMs;
    if (decoder.overflowed) throw new TooLarge('A message on the stream is larger than 64 MiB.');
  }
}

/** Reading on would not help: the same message would come again. */
export class TooLarge extends Error {}

/** Line breaks in JSON text can only stand between its tokens: a space does as well, and keeps one message on one line. */
function relayed(text: string): Relayed {
  const value = JSON.parse(text) as unknown;
  if (!isObject(value) || value['jsonrpc'] !== '2.0') throw new SyntaxError('The gateway answered with something that is no JSON-RPC message.');
  return { line: text.replace(/[\r\n]+/g, ' '), message: value };
}

/** Whether the message answers this request. An error whose id could not be read counts: it came as the reply to it. */
export function answers({ message }: Relayed, id: RequestId): boolean {
  if (message['method'] !== undefined) return false;
  return message['id'] === id || ((message['id'] === null || message['id'] === undefined) && message['error'] !== undefined);
}

/** An error that could not name its request comes back under the id that the client waits for. */
export function withId({ line, message }: Relayed, id: RequestId): string {
  return message['id'] === id ? line : JSON.stringify({ ...message, id });
}

/** The first message, when the reply holds any. */
export async function firstOf(reply: HttpReply): Promise<Relayed | undefined> {
  try {
    for await (const message of messagesOf(reply)) return message;
  } catch {
    // No message of MCP: an HTTP server's own words.
  }
  return undefined;
}
