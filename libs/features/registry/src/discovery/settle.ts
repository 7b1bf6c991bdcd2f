import { Inject, Injectable } from '@nestjs/common';
import type { RegistryTransaction } from '@mcpgw/platform-database';
import { LOGGER, type Logger } from '@mcpgw/platform-runtime';
import { digestOf } from '../declared/canonical-json.js';
import { REGISTRY_CONFIG, type RegistryConfig } from '../registry.config.js';
import { Changes } from '../store/changes.js';
import type { Answer } from './ask.js';
import { backoffSeconds, jitter } from './backoff.js';
import { Claims, type Claim } from './claims.js';

/** Nobody was there to ask: soon again, for services start in any order. */
const WAITING_SECONDS = 0.5;

interface Outcome {
  readonly state: string;
  readonly problem: string | null;
  readonly failures: number;
  readonly nextSeconds: number;
}

/** Writes down what came of a question and gives the claim back. The organization's revision grows only if anything is another. */
@Injectable()
export class Settle {
  constructor(
    @Inject(Changes) private readonly changes: Changes,
    @Inject(Claims) private readonly claims: Claims,
    @Inject(REGISTRY_CONFIG) private readonly config: RegistryConfig,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async settle(claim: Claim, answer: Answer): Promise<void> {
    const turned = await this.changes.run('discovery', async (tx, scope) => {
      const row = await tx.server.findUnique({
        where: { organization_name: { organization: claim.organization, name: claim.server } },
        select: { revision: true, state: true, problem: true, failures: true, definitionDigest: true, claimedBy: true },
      });
      if (row?.claimedBy !== this.claims.holder) return undefined; // deleted meanwhile, or the lease ran out and another asks
      if (Number(row.revision) !== claim.revision || answer.kind === 'cancelled') {
        await release(tx, claim, { ...row, nextSeconds: 0 }); // the answer is to an older question
        return undefined;
      }
      const outcome = this.outcomeOf(answer, row);
      await release(tx, claim, outcome);
      const pinned = answer.kind === 'defined' && (await pin(tx, claim, answer, row.definitionDigest));
      const turned = outcome.state !== row.state || (outcome.state === 'failed' && outcome.problem !== row.problem);
      if (pinned || turned) scope.touch(claim.organization);
      return turned ? outcome : undefined;
    });
    if (!turned) return;
    const fields = { organization: claim.organization, server: claim.server, problem: turned.problem ?? undefined };
    if (turned.state === 'failed') this.logger.warn(fields, 'a server failed to say what it offers');
    else this.logger.info(fields, `a server is ${turned.state}`);
  }

  private outcomeOf(answer: Exclude<Answer, { kind: 'cancelled' }>, row: { readonly state: string; readonly problem: string | null; readonly failures: number }): Outcome {
    switch (answer.kind) {
      case 'defined':
        return { state: 'ready', problem: null, failures: 0, nextSeconds: this.config.rediscoverSeconds * jitter() };
      case 'failed':
        return { state: 'failed', problem: answer.problem, failures: row.failures + 1, nextSeconds: backoffSeconds(row.failures + 1) };
      case 'waiting':
        return { state: row.state, problem: row.state === 'pending' ? answer.problem : row.problem, failures: row.failures, nextSeconds: WAITING_SECONDS };
    }
  }
}

/** `next_ask_at` may have been set while the question was under way: the earlier wish counts. */
async function release(tx: RegistryTransaction, claim: Claim, outcome: Outcome): Promise<void> {
  await tx.$executeRaw`
    UPDATE registry.servers
    SET since = CASE WHEN state = ${outcome.state} THEN since ELSE now() END, state = ${outcome.state}, problem = ${outcome.problem}, failures = ${outcome.failures},
      asked_at = ${claim.at.toISOString()}::timestamptz, next_ask_at = LEAST(next_ask_at, now() + make_interval(secs => ${outcome.nextSeconds}::float8)), claimed_by = NULL, claimed_until = NULL
    WHERE organization = ${claim.organization} AND name = ${claim.server}`;
}

/** Keeps the definition when it says something else than the pinned one; the same in another order of members is the same. */
async function pin(tx: RegistryTransaction, claim: Claim, answer: Answer & { kind: 'defined' }, before: string | null): Promise<boolean> {
  const digest = digestOf(answer.definition);
  if (digest === before) return false;
  await tx.$executeRaw`
    UPDATE registry.servers SET definition = ${JSON.stringify(answer.definition)}::json, definition_digest = ${digest}, revision = nextval('registry.revisions')
    WHERE organization = ${claim.organization} AND name = ${claim.server}`;
  return true;
}
