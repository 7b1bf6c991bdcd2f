import { crc32 } from 'node:zlib';

/** u32 length and u32 CRC-32 (IEEE 802.3, as zlib has it) of the payload, both big-endian, in front of each payload. */
export const HEADER_BYTES = 8;
/** Payloads are JSON objects of at most 60 KiB; anything longer is no record. */
const MAX_PAYLOAD_BYTES = 65_536;
export const MAX_RECORD_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
/** Canonical JSON has this once, at the top level: inside a string its quotes would be escaped. */
const PLACE = Buffer.from(',"edge":{"epoch":');

/** The records of these texts, one after the other. `bytes` is their UTF-8 length. */
export function encodeRecords(items: readonly { readonly text: string; readonly bytes: number }[]): Buffer {
  const buffer = Buffer.allocUnsafe(items.reduce((sum, item) => sum + HEADER_BYTES + item.bytes, 0));
  let offset = 0;
  for (const { text, bytes } of items) {
    const start = offset + HEADER_BYTES;
    buffer.write(text, start, 'utf8');
    buffer.writeUInt32BE(bytes, offset);
    buffer.writeUInt32BE(crc32(buffer.subarray(start, start + bytes)), offset + 4);
    offset = start + bytes;
  }
  return buffer;
}

/** The payload of the record at `offset`, or undefined when there is no whole and valid one. */
export function payloadAt(buffer: Buffer, offset: number): Buffer | undefined {
  const start = offset + HEADER_BYTES;
  if (start > buffer.length) return undefined;
  const end = start + buffer.readUInt32BE(offset);
  if (end - start < 2 || end - start > MAX_PAYLOAD_BYTES || end > buffer.length) return undefined;
  if (buffer[start] !== OPEN_BRACE || buffer[end - 1] !== CLOSE_BRACE) return undefined;
  const payload = buffer.subarray(start, end);
  return crc32(payload) === buffer.readUInt32BE(offset + 4) ? payload : undefined;
}

/** Where the next valid record begins at or after `offset`; undefined when there is none. */
export function nextRecord(buffer: Buffer, offset: number): number | undefined {
  for (let at = offset; at + HEADER_BYTES < buffer.length; at++) {
    if (payloadAt(buffer, at)) return at;
  }
  return undefined;
}

/** The entry's number, read without parsing it. 0 when the payload is no entry. */
export function sequenceOf(payload: Buffer): number {
  const at = payload.indexOf(PLACE);
  if (at < 0) return 0;
  const end = payload.indexOf(CLOSE_BRACE, at);
  const match = /"seq":(\d+)$/.exec(payload.toString('latin1', at, end));
  return match ? Number(match[1]) : 0;
}
