import { timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { GatewayError } from '@mcpgw/contracts';
import { KEY_FILES, KeyFiles } from '@mcpgw/platform-runtime';
import { keyedHash, randomToken } from '../keys/key-text.js';
import { Changes } from '../store/changes.js';
import { Database } from '../store/database.js';

const FIRST_OPERATOR = 'admin';

@Injectable()
export class Operators {
  private readonly pepper: Buffer;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Changes) private readonly changes: Changes,
    @Inject(KEY_FILES) keyFiles: KeyFiles,
  ) {
    this.pepper = keyFiles.symmetric('api-key-pepper');
  }

  /** Makes the first token. Writers come one at a time, so only one caller ever gets it. */
  async bootstrap(): Promise<{ adminToken: string | null }> {
    const token = `mcpgw_admin_${randomToken()}`;
    const made = await this.changes.run('bootstrap', async (tx, scope) => {
      if ((await tx.operatorToken.count()) > 0) return false;
      await tx.operatorToken.create({ data: { hash: keyedHash(this.pepper, token), operator: FIRST_OPERATOR } });
      scope.record('created', `operators/${FIRST_OPERATOR}`);
      return true;
    });
    return { adminToken: made ? token : null };
  }

  /** Finding a row by its keyed hash tells a caller nothing about other tokens; the comparison itself takes the same time for all. */
  async authenticate(token: string): Promise<{ operator: string }> {
    const hash = keyedHash(this.pepper, token);
    const row = await this.database.query((client) => client.operatorToken.findUnique({ where: { hash } }));
    if (!row || !timingSafeEqual(Buffer.from(row.hash), Buffer.from(hash))) throw new GatewayError('unauthenticated', 'This operator token is unknown. Use the one that the first start printed.');
    return { operator: row.operator };
  }
}
