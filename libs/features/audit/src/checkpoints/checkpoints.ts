import { createPublicKey, sign, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { OrganizationName } from '@mcpgw/contracts';
import { formatCheckpoint, formatVerifierKey, noteVerifier, signNote, type NoteSigner } from '@mcpgw/core-transparency-log';
import { KEY_FILES, KeyFiles } from '@mcpgw/platform-runtime';
import { AuditDatabase, type Queryable } from '../database/audit-database.js';
import { LogNews } from '../log/log-news.js';

const KEY_NAME = 'mcpgw-audit';
const PORTION = 500;
/** How many ticks pass between looks at all logs, for those that other processes wrote and did not sign. */
const FULL_EVERY = 60;

/** The first line of a log's checkpoints. */
export function originOf(organization: string): string {
  return `mcpgw/${organization}`;
}

/** Signs the heads of the logs that have grown. */
@Injectable()
export class Checkpoints {
  private readonly signer: NoteSigner;
  private ticks = 0;

  constructor(
    @Inject(KEY_FILES) keyFiles: KeyFiles,
    private readonly database: AuditDatabase,
    private readonly news: LogNews,
  ) {
    this.signer = signerOf(keyFiles.signing('audit-signing'));
  }

  /** C2SP vkey of the key that signs. */
  verifierKey(): string {
    return formatVerifierKey(this.signer.verifier);
  }

  /** Signs what has grown since the last time; the first time, and now and then, looks at all logs. */
  async tick(): Promise<void> {
    const grown = this.news.takeGrown();
    const full = this.ticks++ % FULL_EVERY === 0;
    if (grown.length === 0 && !full) return;
    try {
      await this.database.read(async (client) => {
        await this.signInPortions(client, grown);
        if (full) await this.signUnsigned(client);
      });
    } catch (error) {
      this.news.putBack(grown);
      this.ticks = 0;
      throw error;
    }
  }

  private async signInPortions(client: Queryable, organizations: readonly OrganizationName[]): Promise<void> {
    for (let from = 0; from < organizations.length; from += PORTION) await this.signHeads(client, organizations.slice(from, from + PORTION));
  }

  private async signUnsigned(client: Queryable): Promise<void> {
    const { rows } = await client.query<{ organization: OrganizationName }>(
      `SELECT organization FROM log_heads AS head WHERE size > 0
       AND NOT EXISTS (SELECT 1 FROM checkpoints WHERE checkpoints.organization = head.organization AND checkpoints.size = head.size)`,
    );
    await this.signInPortions(client, rows.map((row) => row.organization));
  }

  private async signHeads(client: Queryable, organizations: readonly OrganizationName[]): Promise<void> {
    const { rows } = await client.query<{ organization: string; size: string; root: Buffer }>('SELECT organization, size, root FROM log_heads WHERE organization = ANY($1) AND size > 0', [organizations]);
    const notes = rows.map((row) => signNote(formatCheckpoint(originOf(row.organization), Number(row.size), row.root), [this.signer]));
    await client.query(
      `INSERT INTO checkpoints (organization, size, root, note)
       SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::text[]) ON CONFLICT DO NOTHING`,
      [rows.map((row) => row.organization), rows.map((row) => row.size), rows.map((row) => row.root), notes],
    );
  }
}

function signerOf(key: KeyObject): NoteSigner {
  const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' }).subarray(-32);
  return { verifier: noteVerifier(KEY_NAME, publicKey), sign: (message) => sign(null, message, key) };
}
