import { GatewayError } from '@mcpgw/contracts';
import type { Clock } from '@mcpgw/platform-runtime';
import { afterFailure, NO_FAILURES, permitStart, type RestartState } from './restart.js';

const SHORT_WAIT_MS = 1_000;

/** The trouble that one server gives, in whichever of its processes: when it may start again, and what the operator is told. */
export class Failures {
  count = 0;
  private restart: RestartState = NO_FAILURES;
  private current: string | undefined;

  constructor(
    private readonly server: string,
    private readonly clock: Clock,
    private readonly onProblem: (problem: string | undefined) => void,
  ) {}

  get problem(): string | undefined {
    return this.current;
  }

  /** Resolves when the server may be started, after a short pause at most; else rejects with `upstream_failed` and when. */
  async permit(): Promise<void> {
    const permit = permitStart(this.restart, this.clock.now());
    if (permit.kind === 'start') return;
    if (permit.isOpen || permit.ms > SHORT_WAIT_MS) throw this.tooSoon(permit.ms, permit.isOpen);
    await new Promise((resolve) => setTimeout(resolve, permit.ms));
  }

  add(problem: string): void {
    this.count += 1;
    this.restart = afterFailure(this.restart, this.clock.now());
    this.show(problem);
  }

  /** It may be started at once again. */
  forgive(): void {
    this.restart = NO_FAILURES;
  }

  /** Its trouble is over, as far as anybody can see. */
  clear(): void {
    this.show(undefined);
  }

  private show(problem: string | undefined): void {
    this.current = problem;
    this.onProblem(problem);
  }

  private tooSoon(ms: number, isOpen: boolean): GatewayError {
    const again = `It is tried again in ${Math.ceil(ms / 1_000)} s`;
    return new GatewayError('upstream_failed', isOpen ? `The server "${this.server}" failed again and again and is left alone for now. ${again}; its operator finds the reason in mcpgw status.` : `The server "${this.server}" has just failed. ${again}.`);
  }
}
