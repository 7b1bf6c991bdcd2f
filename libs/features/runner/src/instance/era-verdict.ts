import type { Era } from '@mcpgw/contracts';
import type { Clock } from '@mcpgw/platform-runtime';

/** A legacy verdict goes wrong in silence: a server that has learnt the new era since still answers in the old one. */
const LEGACY_MAX_AGE_MS = 24 * 3_600_000;
/** How often, at most, what a server says in the middle of its work may cost it a new probe. */
const MIN_DOUBT_INTERVAL_MS = 60_000;

/** Which era one server speaks, as far as we know: probed once, dated, and forgotten when something says that it is wrong. */
export class EraVerdict {
  private verdict: { readonly era: Era; readonly at: number; readonly isProven: boolean } | undefined;
  private probing: Promise<Era> | undefined;
  private doubtedAt = Number.NEGATIVE_INFINITY;
  private generation = 0;

  constructor(private readonly clock: Clock) {}

  get known(): Era | undefined {
    const { verdict } = this;
    return verdict?.era === 'legacy' && this.clock.now() - verdict.at > LEGACY_MAX_AGE_MS ? undefined : verdict?.era;
  }

  /** It has worked in that era, which a probe's word alone doesn't say. */
  get isProven(): boolean {
    return this.known !== undefined && this.verdict?.isProven === true;
  }

  /** The era; probed when it isn't known, once for all who wait. */
  find(probe: () => Promise<Era>): Promise<Era> {
    const { known, generation } = this;
    if (known !== undefined) return Promise.resolve(known);
    if (this.probing) return this.probing;
    const probing = probe()
      .then((era) => {
        if (generation === this.generation) this.verdict = { era, at: this.clock.now(), isProven: false };
        return era;
      })
      .finally(() => {
        if (this.probing === probing) this.probing = undefined;
      });
    this.probing = probing;
    return probing;
  }

  /** The server has shown it by working in that era. */
  learn(era: Era): void {
    this.verdict = { era, at: this.verdict?.era === era ? this.verdict.at : this.clock.now(), isProven: true };
  }

  forget(): void {
    this.verdict = undefined;
    this.probing = undefined;
    this.generation += 1;
  }

  /** Forgets the verdict, unless that happened a moment ago: a server must not keep us probing. False: nothing changed. */
  doubt(): boolean {
    const now = this.clock.now();
    if (now - this.doubtedAt < MIN_DOUBT_INTERVAL_MS) return false;
    this.doubtedAt = now;
    this.forget();
    return true;
  }
}
