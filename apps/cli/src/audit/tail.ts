import type { LoggedEntry } from '@mcpgw/contracts';
import type { LogReader } from './log-reader.js';

export interface TailOptions {
  readonly organization?: string | undefined;
  /** ISO 8601; without it the last `last` entries of each log come. */
  readonly since?: string | undefined;
  readonly last: number;
  readonly follow: boolean;
}

const POLL_MS = 700;

/** Entries of one or all logs, those of several logs merged by time; with `follow` for ever, new ones as they come. */
export async function* tail(reader: LogReader, options: TailOptions, signal: AbortSignal): AsyncGenerator<LoggedEntry> {
  const cursors = new Map<string, number>();
  for (;;) {
    const heads = await reader.heads(options.organization);
    const sources = heads.map(({ organization, size }) => {
      const from = cursors.get(organization) ?? (options.since === undefined ? Math.max(0, size - options.last) : 0);
      cursors.set(organization, Math.max(size, from));
      return entriesOf(reader, organization, from, size, options.since);
    });
    yield* mergeByTime(sources);
    if (!options.follow || !(await pause(POLL_MS, signal))) return;
  }
}

async function* entriesOf(reader: LogReader, organization: string, from: number, size: number, since: string | undefined): AsyncGenerator<LoggedEntry> {
  for (let next = from; next < size; ) {
    const page = await reader.page(organization, next, { since });
    for (const entry of page.entries) {
      if (entry.index >= size) return;
      yield entry;
    }
    if (page.next <= next) return;
    next = page.next;
  }
}

/** Holds one entry of each source at a time. */
async function* mergeByTime(sources: readonly AsyncGenerator<LoggedEntry>[]): AsyncGenerator<LoggedEntry> {
  const waiting: { readonly source: AsyncGenerator<LoggedEntry>; entry: LoggedEntry; time: string }[] = [];
  for (const source of sources) {
    const first = await source.next();
    if (!first.done) waiting.push({ source, entry: first.value, time: timeOf(first.value) });
  }
  while (waiting.length > 0) {
    const earliest = waiting.reduce((best, one) => (one.time < best.time ? one : best));
    yield earliest.entry;
    const next = await earliest.source.next();
    if (next.done) waiting.splice(waiting.indexOf(earliest), 1);
    else Object.assign(earliest, { entry: next.value, time: timeOf(next.value) });
  }
}

function timeOf({ body }: LoggedEntry): string {
  return /"time":"([^"]*)"/.exec(body)?.[1] ?? '';
}

/** False when the signal came first. */
function pause(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const end = (goOn: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve(goOn);
    };
    const stop = (): void => end(false);
    const timer = setTimeout(() => end(true), milliseconds);
    signal.addEventListener('abort', stop);
  });
}
