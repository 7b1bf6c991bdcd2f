import type { Command } from 'commander';
import { CliError, EXIT } from '../cli-error.js';
import { BASH, complete, ZSH } from '../completion.js';
import { examples, perform } from '../perform.js';

export function addCompletionCommands(program: Command): void {
  const completion = program.command('completion').argument('<shell>', 'bash or zsh').description('completion for your shell');
  perform(completion, async (_context, _options, [shell]) => {
    if (shell !== 'bash' && shell !== 'zsh') throw new CliError('There is completion for bash and zsh.', { exitCode: EXIT.usage, code: 'usage' });
    process.stdout.write(shell === 'bash' ? BASH : ZSH);
  });
  examples(completion, ['completion bash > ~/.local/share/bash-completion/completions/mcpgw', 'completion zsh > "${fpath[1]}/_mcpgw"']);

  const candidates = program.command('__complete', { hidden: true }).argument('[words...]').allowUnknownOption();
  perform(candidates, async ({ gateway, out }, _options, words) => {
    for (const candidate of await complete(program, words, gateway)) out.line(candidate);
  });
}
