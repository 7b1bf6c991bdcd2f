import { createSecretKey } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { KEY_FILES, type KeyFiles } from '@mcpgw/platform-runtime';
import { EDGE_CONFIG, type EdgeConfig } from '../edge.config.js';
import { EndedSessions } from './ended-sessions.js';
import { SessionSeal, type Session } from './session-seal.js';

const MAX_ENDED = 10_000;

/** Legacy sessions: sealed tokens, and the few that this process knows to be over. */
@Injectable()
export class Sessions {
  private readonly seal: SessionSeal;
  private readonly ended = new EndedSessions(MAX_ENDED);

  constructor(@Inject(EDGE_CONFIG) config: EdgeConfig, @Inject(KEY_FILES) keyFiles: KeyFiles) {
    this.seal = new SessionSeal(createSecretKey(keyFiles.symmetric('sessions')), config.sessionMaxAgeSeconds * 1_000);
  }

  begin(session: Omit<Session, 'id' | 'issuedAtMs'>, nowMs: number): string {
    return this.seal.seal(session, nowMs);
  }

  /** `undefined` for what is malformed, another's, too old or ended. */
  open(token: string, subject: string, nowMs: number): Session | undefined {
    const session = this.seal.open(token, subject, nowMs);
    return session && !this.ended.has(session.id) ? session : undefined;
  }

  end(session: Session): void {
    this.ended.add(session.id);
  }
}
