import { once } from 'node:events';
import { Worker, type MessagePort } from 'node:worker_threads';
import type { ServiceStatus } from '@mcpgw/contracts';
import type { Logger } from '@mcpgw/platform-runtime';
import type { BackOfficeData, BackOfficeReport } from './back-office.js';

export interface BackOfficeThread {
  /** Resolves when its services are up; rejects with what kept them from it. */
  readonly up: Promise<{ readonly adminUrl: string | undefined }>;
  /** As last told, a quarter of a second ago at most. */
  statuses(): readonly ServiceStatus[];
  close(): Promise<void>;
}

const CLOSE_DEADLINE_MS = 15_000;

/** The services behind the edge, in their thread. Should it ever end by itself, the process stops in order: half a gateway serves nobody. */
export function startBackOffice(data: Omit<BackOfficeData, 'busPort'>, busPort: MessagePort | undefined, logger: Logger): BackOfficeThread {
  // Without the process's own `--import`s, which watch over the process and not over a thread.
  const worker = new Worker(new URL('./back-office.js', import.meta.url), { execArgv: [], workerData: { ...data, busPort } satisfies BackOfficeData, transferList: busPort ? [busPort] : [] });
  let statuses: readonly ServiceStatus[] = [];
  let closing = false;
  const up = Promise.withResolvers<{ adminUrl: string | undefined }>();
  worker.on('message', (message: BackOfficeReport) => {
    if (message.kind === 'up') up.resolve({ adminUrl: message.adminUrl });
    else if (message.kind === 'failed') up.reject(new Error(message.message));
    else if (message.kind === 'statuses') statuses = message.statuses;
  });
  worker.on('error', (error) => {
    logger.error({ err: error }, 'the thread of the services behind the edge failed');
    up.reject(error);
  });
  worker.on('exit', () => {
    if (!closing) process.kill(process.pid, 'SIGTERM');
  });
  return {
    up: up.promise,
    statuses: () => statuses,
    close: async () => {
      if (closing) return;
      closing = true;
      const exited = once(worker, 'exit');
      worker.postMessage('close');
      const timer = setTimeout(() => void worker.terminate(), CLOSE_DEADLINE_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}
