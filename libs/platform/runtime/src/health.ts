import type { ServiceStatus } from '@mcpgw/contracts';

export interface Problem {
  readonly message: string;
  readonly action: string;
}

export const HEALTH = Symbol('Health');

/**
 * What a service knows of its own state. A component that `blocks` keeps the service from being ready while it has a problem
 * or has not reported yet; any other problem is shown and served around.
 */
export class Health {
  private readonly problems = new Map<string, Problem>();
  private readonly blocking = new Set<string>();
  private readonly details = new Map<string, () => unknown>();
  private stopping = false;

  constructor(
    readonly service: string,
    readonly instance: string,
    private readonly startedAt: Date,
  ) {}

  /** Declares a component without which the service can't serve; it counts as starting until `ok` or `fail`. */
  require(component: string, action = 'Wait for it to start.'): void {
    this.blocking.add(component);
    this.fail(component, { message: `${component} is starting.`, action });
  }

  ok(component: string): void {
    this.problems.delete(component);
  }

  fail(component: string, problem: Problem): void {
    this.problems.set(component, problem);
  }

  /** Adds a figure to the status, read when it is asked for. Never a secret. */
  detail(name: string, read: () => unknown): void {
    this.details.set(name, read);
  }

  /** From now on not ready: the load balancer should stop sending. */
  stop(): void {
    this.stopping = true;
  }

  ready(): boolean {
    return !this.stopping && [...this.blocking].every((component) => !this.problems.has(component));
  }

  status(): ServiceStatus {
    return {
      service: this.service,
      instance: this.instance,
      ready: this.ready(),
      startedAt: this.startedAt.toISOString(),
      problems: [...this.problems].map(([component, problem]) => ({ component, ...problem })),
      details: Object.fromEntries([...this.details].map(([name, read]) => [name, read()])),
    };
  }
}
