import { GatewayError } from '@mcpgw/contracts';
import type { RequestOptions } from './bus.js';

/** Settles with the work, or rejects with `timeout` or `cancelled`, whichever comes first. Leaves no timer or listener behind. */
export function withDeadline<T>(work: Promise<T>, subject: string, timeoutMs: number, signal: RequestOptions['signal']): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const cancel = (): void => settle(() => reject(new GatewayError('cancelled', `The request to ${subject} was cancelled.`)));
    const timer = setTimeout(() => settle(() => reject(new GatewayError('timeout', `No answer from ${subject} within ${timeoutMs} ms.`))), timeoutMs);
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', cancel);
      finish();
    };
    if (signal?.aborted) return cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    work.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error instanceof Error ? error : new Error(String(error)))),
    );
  });
}
