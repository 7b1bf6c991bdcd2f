import type { CommonConfig } from '@mcpgw/platform-runtime';
import { z } from 'zod';

const pathList = z.union([z.array(z.string().min(1)), z.string().transform((text) => text.split(':').filter((entry) => entry !== ''))]);

/** Settings of the runner. */
export const runnerConfig = z.object({
  runnerSandbox: z
    .enum(['auto', 'bubblewrap', 'process'])
    .default('auto')
    .describe('auto and bubblewrap: servers run under bubblewrap or not at all; process: as plain child processes without isolation, which needs runnerAllowUnsandboxed'),
  runnerAllowUnsandboxed: z
    .union([z.boolean(), z.stringbool()])
    .default(false)
    .describe('Run servers WITHOUT isolation where bubblewrap does not work: they can read all that the gateway can. For development only'),
  runnerAllowedMounts: pathList.default(['.']).describe('Folders, separated by colons, that mounts of servers must lie in; relative to the current folder'),
  runnerIdleSeconds: z.coerce.number().min(1).max(86_400).default(600).describe('A server without calls for this many seconds is stopped'),
  runnerMaxInstances: z.coerce.number().int().min(1).max(4_096).default(64).describe('Processes of servers that run at once; the one idle longest makes room'),
  runnerScopeIdleSeconds: z.coerce.number().min(1).max(86_400).default(120).describe('A process that is for one caller alone is stopped after this many seconds without calls'),
  runnerMaxScopes: z.coerce.number().int().min(1).max(4_096).default(16).describe('Processes for one caller alone that one server may have; the one idle longest makes room, else the call goes to the process that all share'),
  runnerStartTimeoutSeconds: z.coerce.number().min(1).max(300).default(15).describe('Seconds that a server has to answer initialize'),
  runnerMaxLineBytes: z.coerce.number().int().min(65_536).max(67_108_864).default(4_194_304).describe('Longest message of a server in bytes; a longer one ends it'),
  runnerCgroupRoot: z.string().default('/sys/fs/cgroup').describe('Where the control groups are mounted; memory and process limits of whole servers need a writable one'),
});
export type RunnerSettings = z.infer<typeof runnerConfig>;

/** What the module needs: its settings, and the gateway's own folders, which no server may see. */
export type RunnerConfig = RunnerSettings & Pick<CommonConfig, 'dataDir' | 'keysDir'>;
