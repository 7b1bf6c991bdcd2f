import { appendFileSync, chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import type { GatewayError } from '@mcpgw/contracts';
import type { Bus } from '@mcpgw/platform-bus';
import type { Clock, Health, Logger } from '@mcpgw/platform-runtime';
import { CursorFile } from './cursor-file.js';
import { Forwarder } from './forwarder.js';
import { beginEpoch, type SpoolIdentity } from './identity.js';
import { Journal, type SpoolHook } from './journal.js';
import { SpoolLock } from './lock.js';
import { Reader } from './reader.js';
import { recover } from './recovery.js';
import { Segments } from './segments.js';

export interface SpoolOptions {
  /** Folder of its own, `<data dir>/edge/spool`; made with mode 0700. */
  readonly directory: string;
  /** Room for entries that the log doesn't have yet. */
  readonly maxBytes: number;
  readonly bus: Pick<Bus, 'request' | 'maxMessageBytes' | 'onReconnect'>;
  readonly health: Health;
  readonly logger: Logger;
  readonly clock: Clock;
  /** How long `committed` waits for the receipt. */
  readonly commitDeadlineMs?: number;
  /** Called at named points, for specs that break things there. */
  readonly hook?: SpoolHook;
}

/** A spool folder that this process holds, recovered and in a new epoch. */
export interface OpenSpool {
  readonly identity: SpoolIdentity;
  readonly segments: Segments;
  readonly journal: Journal;
  readonly reader: Reader;
  readonly forwarder: Forwarder;
  close(forwardMs: number): Promise<void>;
}

export interface SpoolEvents {
  readonly written: () => void;
  readonly committed: (seq: number) => void;
  /** The disk failed or works again, or segments were removed. */
  readonly roomChanged: () => void;
}

const SEGMENT_BYTES = 8_388_608;
/** A folder is removed file by file, so that even a small spool gives back room in small portions. */
const SEGMENTS = 32;
/** A log that is away for this many attempts is worth telling. */
const PATIENCE = 3;

/** Throws what the disk says when the folder can't be used. */
export function openSpool(options: SpoolOptions, events: SpoolEvents): OpenSpool {
  const { directory, bus, logger, hook = () => {} } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  const lock = new SpoolLock(directory);
  lock.take();
  const segments = new Segments(directory);
  const cursor = new CursorFile(directory);
  const before = cursor.read();
  const found = recover(segments, before);
  const identity = beginEpoch(directory, found);
  const report = reports(options, segments);
  for (const message of found.damages) report.damage(message);
  report.evidence();
  const reader = new Reader(segments, before ?? { epoch: 0, seq: 0 }, report.damage);
  const journal = new Journal(segments, identity.epoch, Math.min(SEGMENT_BYTES, Math.ceil(options.maxBytes / SEGMENTS)), { written: events.written, failed: (fault) => (report.disk(fault), events.roomChanged()), recovered: () => (report.diskBack(), events.roomChanged()) }, hook);
  const forwarder = new Forwarder(bus, reader, identity, {
    committed: events.committed,
    away: (fault, attempts) => report.away(fault, attempts, () => reader.waitingBytes()),
    back: report.back,
    refused: report.refused,
    trimmed: (at) => {
      try {
        cursor.write(at);
      } catch (error) {
        logger.debug({ directory, err: String(error) }, 'the cursor was not kept; a restart will send a little twice');
      }
      events.roomChanged();
    },
  }, hook);
  logger.info({ edgeId: identity.edgeId, epoch: identity.epoch, waitingBytes: reader.waitingBytes() }, 'spool open');
  return {
    identity,
    segments,
    journal,
    reader,
    forwarder,
    close: async (forwardMs) => {
      await journal.close();
      forwarder.poke(true);
      let timer: NodeJS.Timeout | undefined;
      await Promise.race([forwarder.rest(), new Promise((resolve) => (timer = setTimeout(resolve, forwardMs)))]);
      clearTimeout(timer);
      await forwarder.close();
      cursor.close();
      lock.release();
    },
  };
}

/** What goes wrong, in the log and in HEALTH. */
function reports({ health, logger, directory }: SpoolOptions, segments: Segments) {
  const refusedFile = path.join(segments.quarantine, 'refused.jsonl');
  let failing = false;
  const evidence = (): void => {
    const kept = segments.evidence();
    if (kept.length > 0) health.fail('spool-damage', { message: `${segments.quarantine} holds ${kept.join(', ')}: entries that could not be read, or that the log refused.`, action: 'Run `mcpgw audit verify`, keep the files for the investigation, then move them away.' });
  };
  return {
    evidence,
    damage: (message: string): void => {
      logger.error({ directory }, message);
      evidence();
    },
    disk: (fault: Error): void => {
      if (!failing) logger.error({ directory, err: fault.message }, 'the spool cannot write');
      failing = true;
    },
    diskBack: (): void => {
      failing = false;
      logger.info({ directory }, 'the spool writes again');
    },
    away: (fault: GatewayError, attempts: number, waitingBytes: () => number): void => {
      const reason = fault.code === 'internal' && fault.cause instanceof Error ? fault.cause.message : fault.message;
      if (attempts !== PATIENCE && !(attempts > PATIENCE && attempts % 60 === 0)) return;
      logger.warn({ code: fault.code, attempts, waitingBytes: waitingBytes() }, `the audit service takes no entries: ${reason}`);
      health.fail('spool-forwarding', { message: `The audit service takes no entries (${reason}); ${waitingBytes()} bytes wait in the spool, nothing is lost.`, action: 'Start the audit service, or look at its status.' });
    },
    back: (): void => health.ok('spool-forwarding'),
    refused: (text: string, fault: GatewayError): void => {
      mkdirSync(segments.quarantine, { recursive: true, mode: 0o700 });
      appendFileSync(refusedFile, `${text}\n`, { mode: 0o600, flush: true });
      logger.error({ code: fault.code }, `the audit service refuses an entry for good: ${fault.message}; it is kept in ${refusedFile}`);
      evidence();
    },
  };
}
