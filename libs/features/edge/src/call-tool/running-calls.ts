import type { RequestId } from '@mcpgw/core-mcp-wire';

/** One call under way: the signal that stops it, and how to stop it. */
export interface RunningCall {
  readonly signal: AbortSignal;
  abort(): void;
  /** It waits for its client now, who may take minutes: it doesn't count meanwhile, and stopping doesn't wait for it. */
  suspend(): void;
  resume(): void;
  end(): void;
}

/** Calls under way: so that a client can cancel its own, that there are never too many, and that stopping waits for them. */
export class RunningCalls {
  private readonly calls = new Set<AbortController>();
  private readonly suspended = new Set<AbortController>();
  private readonly byRequest = new Map<string, AbortController>();
  private idle: (() => void) | undefined;

  constructor(private readonly max: number) {}

  get size(): number {
    return this.calls.size;
  }

  /** A new call; `undefined` at the bound. `request` names it for `cancel`. */
  begin(request: string | undefined): RunningCall | undefined {
    if (this.calls.size >= this.max) return undefined;
    const controller = new AbortController();
    this.calls.add(controller);
    if (request !== undefined) this.byRequest.set(request, controller);
    return {
      signal: controller.signal,
      abort: () => controller.abort(),
      suspend: () => {
        if (this.calls.delete(controller)) this.suspended.add(controller);
        this.look();
      },
      resume: () => {
        if (this.suspended.delete(controller)) this.calls.add(controller);
      },
      end: () => {
        this.calls.delete(controller);
        this.suspended.delete(controller);
        if (request !== undefined && this.byRequest.get(request) === controller) this.byRequest.delete(request);
        this.look();
      },
    };
  }

  cancel(request: string): void {
    this.byRequest.get(request)?.abort();
  }

  /** Resolves when no call is under way any more, or after `deadlineMs`, when those left are aborted. Those that wait for a client are so at once. */
  async drain(deadlineMs: number): Promise<void> {
    for (const controller of this.suspended) controller.abort();
    if (this.calls.size === 0) return;
    const timer = setTimeout(() => {
      for (const controller of this.calls) controller.abort();
      this.idle?.();
    }, deadlineMs);
    await new Promise<void>((resolve) => (this.idle = resolve));
    clearTimeout(timer);
  }

  private look(): void {
    if (this.calls.size === 0) this.idle?.();
  }
}

/** Names a request among those of its principal and session. `1` and `"1"` are different ids (JSON-RPC 2.0, section 4). */
export function requestKey(subject: string, sessionId: string | undefined, id: RequestId): string {
  return JSON.stringify([subject, sessionId ?? null, id]);
}
