import { createHash } from 'node:crypto';
import { GatewayError, registryAuthenticateOperator } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type { Clock } from '@mcpgw/platform-runtime';

const REMEMBER_MS = 1_000;
/** While the registry can't be asked: an operator who looks for what is wrong must not be locked out by it. */
const REMEMBER_WITHOUT_REGISTRY_MS = 15 * 60_000;
const REMEMBER_AT_MOST = 1_000;
const LONGEST_TOKEN = 256;

/**
 * Who holds the token of a request. The registry decides; its "yes" is remembered for a second at most, so that a withdrawn
 * token stops working within one, and its "no" never. Only while the registry itself is away does an earlier "yes" hold longer;
 * nothing can be withdrawn then, and whatever changes anything needs the registry too. Tokens are kept as digests only.
 */
export class Operators {
  private readonly known = new Map<string, { readonly operator: string; readonly at: number }>();

  constructor(
    private readonly bus: Bus,
    private readonly clock: Clock,
  ) {}

  async authenticate(authorization: string | undefined): Promise<string> {
    const token = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) throw refused('This route needs an operator token: send "Authorization: Bearer <token>". The first one is in <data dir>/first-run.json.');
    if (token.length > LONGEST_TOKEN) throw refused('This operator token is not known.');
    const digest = createHash('sha256').update(token).digest('base64url');
    const known = this.known.get(digest);
    const age = known ? this.clock.now() - known.at : Number.POSITIVE_INFINITY;
    if (known && age < REMEMBER_MS) return known.operator;
    try {
      const { operator } = await this.bus.request(registryAuthenticateOperator, { token });
      this.remember(digest, operator);
      return operator;
    } catch (error) {
      if (known && age < REMEMBER_WITHOUT_REGISTRY_MS && isAway(error)) return known.operator;
      throw error;
    }
  }

  private remember(digest: string, operator: string): void {
    this.known.delete(digest);
    const oldest = this.known.keys().next().value;
    if (this.known.size >= REMEMBER_AT_MOST && oldest !== undefined) this.known.delete(oldest);
    this.known.set(digest, { operator, at: this.clock.now() });
  }
}

function isAway(error: unknown): boolean {
  return error instanceof GatewayError && ['unavailable', 'connection_lost', 'timeout'].includes(error.code);
}

function refused(message: string): GatewayError {
  return new GatewayError('unauthenticated', message);
}
