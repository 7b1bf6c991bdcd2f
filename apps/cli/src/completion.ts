import type { Command, Option } from 'commander';
import { z } from 'zod';
import type { Connection } from './gateway/connection.js';

/** What a word stands for, when the gateway has to be asked for the candidates. */
type Kind = 'servers' | 'consumers' | 'roles' | 'organizations' | 'tools';

const ARGUMENTS: Readonly<Record<string, Kind>> = {
  'server show': 'servers',
  'server remove': 'servers',
  'server refresh': 'servers',
  'consumer remove': 'consumers',
  'role show': 'roles',
  'role remove': 'roles',
  call: 'tools',
};
const OPTIONS: Readonly<Record<string, Kind>> = { '--organization': 'organizations', '--consumer': 'consumers', '--role': 'roles' };

const named = z.object({ name: z.string() });
const namesOf = (kind: string): z.ZodType<readonly string[]> => z.record(z.string(), z.unknown()).transform((reply) => z.array(named).parse(reply[kind]).map(({ name }) => name));
const serverNames = z.object({ servers: z.array(z.object({ config: named })) }).transform(({ servers }) => servers.map(({ config }) => config.name));

/** Candidates for the last of the words (it may be empty). Never fails: without a gateway, only what the command itself knows. */
export async function complete(program: Command, words: readonly string[], gateway: Connection): Promise<readonly string[]> {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const { command, path } = descend(program, before);
  const option = OPTIONS[before.at(-1) ?? ''];
  const kind = option ?? (current.startsWith('-') ? undefined : ARGUMENTS[path]);
  const own = option || kind ? [] : [...command.commands.filter((one) => !hidden(one)).map((one) => one.name()), ...(current.startsWith('-') ? flags(program, command) : [])];
  const candidates = kind === undefined ? own : await ask(gateway, kind).catch(() => []);
  return [...new Set(candidates)].filter((candidate) => candidate.startsWith(current)).sort();
}

function descend(program: Command, words: readonly string[]): { readonly command: Command; readonly path: string } {
  let command = program;
  const path: string[] = [];
  for (const word of words) {
    const next = command.commands.find((one) => one.name() === word);
    if (!next) continue;
    command = next;
    path.push(word);
  }
  return { command, path: path.join(' ') };
}

function flags(program: Command, command: Command): readonly string[] {
  return [...command.options, ...program.options, { long: '--help' } as Option].flatMap(({ long }) => (long ? [long] : []));
}

function hidden(command: Command): boolean {
  return command.name().startsWith('__');
}

async function ask(gateway: Connection, kind: Kind): Promise<readonly string[]> {
  const timeoutMs = 1_500;
  if (kind === 'tools') return (await gateway.edge({}).tools()).map(({ name }) => name);
  return gateway.admin().call('GET', kind, kind === 'servers' ? serverNames : namesOf(kind), { timeoutMs });
}

export const BASH = `_mcpgw() {
  local IFS=$'\\n'
  COMPREPLY=( $(mcpgw __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) )
}
complete -o default -F _mcpgw mcpgw
`;

export const ZSH = `#compdef mcpgw
_mcpgw() {
  local -a found
  found=("\${(@f)$(mcpgw __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -- $found
}
compdef _mcpgw mcpgw
`;
