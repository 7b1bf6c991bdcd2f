import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { KEY_FILES, type KeyFiles } from '@mcpgw/platform-runtime';

const MAC_CHARACTERS = 22;
const MAX_CURSOR_CHARACTERS = 8_192;

/** Binds a list's cursor to who was given it and for which list: another's is answered like one that never was. */
@Injectable()
export class Cursors {
  private readonly key: KeyObject;

  constructor(@Inject(KEY_FILES) keyFiles: KeyFiles) {
    this.key = createSecretKey(keyFiles.symmetric('sessions'));
  }

  give(cursor: string, ...owner: readonly (string | undefined)[]): string {
    return this.mac(cursor, owner) + cursor;
  }

  /** The list's own cursor; `undefined` for one that was not given to this owner. */
  take(given: unknown, ...owner: readonly (string | undefined)[]): string | undefined {
    if (typeof given !== 'string' || given.length > MAX_CURSOR_CHARACTERS) return undefined;
    const cursor = given.slice(MAC_CHARACTERS);
    const said = Buffer.from(given.slice(0, MAC_CHARACTERS));
    const expected = Buffer.from(this.mac(cursor, owner));
    return said.length === expected.length && timingSafeEqual(said, expected) ? cursor : undefined;
  }

  private mac(cursor: string, owner: readonly (string | undefined)[]): string {
    return createHmac('sha256', this.key).update(JSON.stringify(['cursor', ...owner.map((part) => part ?? null), cursor])).digest('base64url').slice(0, MAC_CHARACTERS);
  }
}
