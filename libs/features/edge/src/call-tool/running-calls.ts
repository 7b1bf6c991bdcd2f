import type { RequestId } from '@mcpgw/core-mcp-wire';

/** Calls under way: so that a client can cancel its own, that there are never too many, and that stopping waits for them. */
export class RunningCalls {
  private readonly calls = new Set<AbortController>();
  private readonly byRequest = new Map<string, AbortController>();
  private idle: (() => void) | undefined;

  constructor(private readonly max: number) {}

  get size(): number {
    return this.calls.size;
  }

  /** A new call: the signal that stops it, and how to stop it; `undefined` at the bound. `request` names it for `cancel`. */
  begin(request: string | undefined): { readonly signal: AbortSignal; abort(): void; end(): void } | undefined {
    if (this.calls.size >= this.max) return undefined;
    const controller = new AbortController();
    this.calls.add(controller);
    if (request !== undefined) this.byRequest.set(request, controller);
    return {
      signal: controller.signal,
      abort: () => controller.abort(),
      end: () => {
        this.calls.delete(controller);
        if (request !== undefined && this.byRequest.get(request) === controller) this.byRequest.delete(request);
        if (this.calls.size === 0) this.idle?.();
      },
    };
  }

  cancel(request: string): void {
    this.byRequest.get(request)?.abort();
  }

  /** Resolves when no call is under way any more, or after `deadlineMs`, when those left are aborted. */
  async drain(deadlineMs: number): Promise<void> {
    if (this.calls.size === 0) return;
    const timer = setTimeout(() => {
      for (const controller of this.calls) controller.abort();
      this.idle?.();
    }, deadlineMs);
    await new Promise<void>((resolve) => (this.idle = resolve));
    clearTimeout(timer);
  }
}

/** Names a request among those of its principal and session. `1` and `"1"` are different ids (JSON-RPC 2.0, section 4). */
export function requestKey(subject: string, sessionId: string | undefined, id: RequestId): string {
  return JSON.stringify([subject, sessionId ?? null, id]);
}
