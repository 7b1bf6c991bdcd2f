import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { CliError, EXIT } from '../cli-error.js';
import { DEFAULT_DATA_DIR } from '../settings.js';

const firstRun = z.looseObject({
  edgeUrl: z.string().optional(),
  adminUrl: z.string().optional(),
  organization: z.string().optional(),
  adminToken: z.string().nullish(),
  consumer: z.string().optional(),
  consumerKey: z.string().nullish(),
});
export type FirstRun = z.infer<typeof firstRun>;

/** Root of the installation that this command belongs to: where `npm start` keeps its data when run there. */
export const INSTALLATION = path.resolve(import.meta.dirname, '../../../..');

/** What a gateway wrote about itself when it was first ready; undefined when there is no such file. */
export function readFirstRun(dataDir: string): { readonly file: string; readonly content: FirstRun } | undefined {
  const file = [path.resolve(dataDir), ...(dataDir === DEFAULT_DATA_DIR ? [path.join(INSTALLATION, DEFAULT_DATA_DIR)] : [])].map((folder) => path.join(folder, 'first-run.json')).find((candidate) => existsSync(candidate));
  if (file === undefined) return undefined;
  try {
    return { file, content: firstRun.parse(JSON.parse(readFileSync(file, 'utf8'))) };
  } catch (cause) {
    throw new CliError(`${file} can't be read: ${cause instanceof Error ? cause.message.split('\n')[0] : 'unknown fault'}. Give --admin-url and --token instead, or start the gateway anew.`, {
      exitCode: EXIT.unreachable,
      code: 'unreachable',
      cause,
    });
  }
}
