/**
 * Splits a byte stream into lines, as MCP's stdio transport frames messages. A line longer than `maxLineBytes` sets
 * `overflowed` and stops the decoder for good: a flood without a line end costs an error, not memory.
 */
export class LineDecoder {
  readonly #maxLineBytes: number;
  #parts: Uint8Array[] = [];
  #held = 0;
  overflowed = false;

  constructor(limits: { readonly maxLineBytes: number }) {
    this.#maxLineBytes = limits.maxLineBytes;
  }

  /** The lines that the chunk completes, without their line ends; empty lines are left out. */
  push(chunk: Uint8Array): readonly string[] {
    const lines: string[] = [];
    let start = 0;
    while (!this.overflowed) {
      const end = chunk.indexOf(0x0a, start);
      const part = chunk.subarray(start, end === -1 ? chunk.length : end);
      if (this.#held + part.length > this.#maxLineBytes) {
        this.overflowed = true;
        this.#parts = [];
        break;
      }
      if (end === -1) {
        this.#hold(part);
        break;
      }
      const line = this.#finish(part);
      if (line !== '') lines.push(line);
      start = end + 1;
    }
    return lines;
  }

  #hold(part: Uint8Array): void {
    if (part.length === 0) return;
    // A copy (`slice` of a Buffer would be none): streams may use the chunk's memory again.
    this.#parts.push(Buffer.from(part));
    this.#held += part.length;
  }

  #finish(last: Uint8Array): string {
    const bytes = this.#held === 0 ? last : Buffer.concat([...this.#parts, last]);
    this.#parts = [];
    this.#held = 0;
    const end = bytes[bytes.length - 1] === 0x0d ? bytes.length - 1 : bytes.length;
    return Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('utf8');
  }
}
