import type { Readable } from 'node:stream';
import type { Redact } from '../secrets/redactor.js';

const HELD_BYTES = 16_384;
const SHOWN_CHARACTERS = 600;

/** The last words of a server. Bounded; what is shown is much shorter than what is held, so that a secret cut at the front is never shown half. */
export class StderrTail {
  private chunks: Buffer[] = [];
  private held = 0;

  constructor(stream: Readable) {
    stream.on('data', (chunk: Buffer) => this.keep(chunk));
    stream.on('error', () => {});
  }

  /** Redacted and cut, on one line, for a problem's text; empty when nothing was said. */
  text(redact: Redact): string {
    const words = redact(Buffer.concat(this.chunks).toString('utf8'));
    // eslint-disable-next-line no-control-regex -- a terminal must not obey what a server prints
    const plain = words.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '').replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').trim();
    return plain.length > SHOWN_CHARACTERS ? `…${plain.slice(-SHOWN_CHARACTERS)}` : plain;
  }

  private keep(chunk: Buffer): void {
    this.chunks.push(chunk.length > HELD_BYTES ? Buffer.from(chunk.subarray(-HELD_BYTES)) : chunk);
    this.held += Math.min(chunk.length, HELD_BYTES);
    while (this.held - (this.chunks[0] as Buffer).length >= HELD_BYTES) this.held -= (this.chunks.shift() as Buffer).length;
  }
}
