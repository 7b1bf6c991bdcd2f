import { createSecretKey, type KeyObject } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, KEY_FILES, type Clock, type KeyFiles } from '@mcpgw/platform-runtime';
import { Catalog } from '../catalog/catalog.js';
import { authenticateApiKey, looksLikeApiKey } from './api-key.js';
import { JwtAuthenticator } from './jwt.js';
import type { Principal } from './principal.js';

export type Authentication = { readonly principal: Principal } | { readonly problem: string };

const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i;

/** The principal of a request (RFC 6750): every request proves itself, a session proves nothing. */
@Injectable()
export class Authenticator {
  /** A key object: HMAC with a plain buffer takes five times as long. */
  private readonly pepper: KeyObject;
  private readonly jwt = new JwtAuthenticator();

  constructor(
    private readonly catalog: Catalog,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(KEY_FILES) keyFiles: KeyFiles,
  ) {
    this.pepper = createSecretKey(keyFiles.symmetric('api-key-pepper'));
  }

  /** Synchronous for API keys, so that the usual call waits for nothing. `problem` is for the operator. */
  authenticate(authorization: string | undefined): Authentication | Promise<Authentication> {
    if (authorization === undefined) return { problem: 'no Authorization header' };
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined) return { problem: 'not a bearer token' };
    const nowMs = this.clock.now();
    if (!looksLikeApiKey(token)) return this.jwt.authenticate(token, this.catalog.view, nowMs);
    const principal = authenticateApiKey(token, this.catalog.view, this.pepper, nowMs);
    return principal ? { principal } : { problem: 'unknown, revoked or expired API key' };
  }
}
