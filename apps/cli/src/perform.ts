import type { Command } from 'commander';
import { Connection } from './gateway/connection.js';
import { Output } from './output/output.js';
import { loadSettings } from './settings.js';

/** What every command is given. */
export interface Context {
  readonly gateway: Connection;
  readonly out: Output;
}

/** Options that every command has, as commander names them. */
export interface GlobalOptions {
  readonly adminUrl?: string;
  readonly token?: string;
  readonly dataDir?: string;
  readonly json?: boolean;
}

/** Binds a command to its work. The work may answer an exit code; connections are closed when it ends. */
export function perform<Options extends object = object>(command: Command, work: (context: Context, options: Options, args: readonly string[]) => Promise<number | void>): Command {
  return command.action(async (...given: unknown[]) => {
    const self = given.at(-1) as Command;
    const options = self.optsWithGlobals<Options & GlobalOptions>();
    const gateway = new Connection(loadSettings({ adminUrl: options.adminUrl, adminToken: options.token, dataDir: options.dataDir }));
    try {
      const code = await work({ gateway, out: new Output(options.json ?? false) }, options, self.processedArgs.flat().filter((arg): arg is string => typeof arg === 'string'));
      if (code !== undefined) process.exitCode = code;
    } finally {
      await gateway.close();
    }
  });
}

/** Collects an option that may be given several times. */
export function repeatable(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

export function examples(command: Command, lines: readonly string[]): Command {
  return command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  $ mcpgw ${line}`).join('\n')}`);
}

export function inPath(...parts: readonly string[]): string {
  return parts.map(encodeURIComponent).join('/');
}
