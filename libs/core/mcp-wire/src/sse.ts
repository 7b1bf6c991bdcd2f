/** One event of a Server-Sent Events stream (WHATWG HTML, section 9.2). */
export interface SseEvent {
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
}

/** Keeps proxies from closing a quiet stream; readers ignore comments. */
export const SSE_KEEP_ALIVE = ': keep-alive\n\n';

/** One JSON-RPC message as an event. JSON text holds no raw line break, so a single `data` line is always enough. */
export function encodeSse(message: unknown, options?: { readonly id?: string }): string {
  const data = `event: message\ndata: ${JSON.stringify(message)}\n\n`;
  return options?.id === undefined ? data : `id: ${options.id.replace(/[\r\n\0]/g, '')}\n${data}`;
}

/**
 * Incremental decoder. What it holds back is bounded: once an unfinished event exceeds `maxEventBytes` the decoder stops for
 * good and `overflowed` is true; the stream should be cut then.
 */
export class SseDecoder {
  readonly #maxEventCharacters: number;
  readonly #text = new TextDecoder('utf-8');
  /** Pieces of a line whose end has not come yet, joined once it has. */
  #parts: string[] = [];
  #data: string[] = [];
  #held = 0;
  #event = '';
  #id: string | undefined;
  #lastEventId: string | undefined;
  /** The last chunk ended in a carriage return: a line feed at the start of the next one belongs to it. */
  #skipFeed = false;
  overflowed = false;
  /** How long to wait before the stream is resumed, when the server has said so. */
  retryMs: number | undefined;

  constructor(limits: { readonly maxEventBytes: number }) {
    this.#maxEventCharacters = limits.maxEventBytes;
  }

  /** Where to resume: of the last event that is complete, also of one without data. */
  get lastEventId(): string | undefined {
    return this.#lastEventId;
  }

  push(chunk: Uint8Array): readonly SseEvent[] {
    const events: SseEvent[] = [];
    const text = this.#text.decode(chunk, { stream: true });
    if (this.overflowed || text === '') return events;
    let start = this.#skipFeed && text.startsWith('\n') ? 1 : 0;
    this.#skipFeed = false;
    let feed = text.indexOf('\n', start);
    let carriage = text.indexOf('\r', start);
    while (feed !== -1 || carriage !== -1) {
      const end = carriage === -1 || (feed !== -1 && feed < carriage) ? feed : carriage;
      const event = this.#line(this.#complete(text.slice(start, end)));
      if (event !== undefined) events.push(event);
      start = end === carriage && feed === end + 1 ? end + 2 : end + 1;
      this.#skipFeed = end === carriage && start === text.length && feed !== end + 1;
      // Each search goes on from where it found something: looking for both from every line would be quadratic.
      if (feed !== -1 && feed < start) feed = text.indexOf('\n', start);
      if (carriage !== -1 && carriage < start) carriage = text.indexOf('\r', start);
    }
    this.#hold(text.slice(start));
    return events;
  }

  #complete(last: string): string {
    if (this.#parts.length === 0) return last;
    for (const part of this.#parts) this.#held -= part.length;
    const line = this.#parts.join('') + last;
    this.#parts = [];
    return line;
  }

  #hold(part: string): void {
    if (part !== '') this.#parts.push(part);
    this.#held += part.length;
    if (this.#held <= this.#maxEventCharacters) return;
    this.overflowed = true;
    this.#parts = [];
    this.#data = [];
  }

  #line(line: string): SseEvent | undefined {
    if (line === '') return this.#dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') {
      this.#data.push(value);
      this.#held += value.length + 1;
    } else if (field === 'event') this.#event = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d{1,9}$/.test(value)) this.retryMs = Number(value);
    return undefined;
  }

  #dispatch(): SseEvent | undefined {
    const event = this.#data.length === 0 ? undefined : { event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id };
    this.#lastEventId = this.#id;
    this.#data = [];
    this.#held = 0;
    this.#event = '';
    return event;
  }
}
