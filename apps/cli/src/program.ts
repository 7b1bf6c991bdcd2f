import { Command, CommanderError } from 'commander';
import { EXIT } from './cli-error.js';
import { addAuditCommands } from './commands/audit.js';
import { addBillingCommands } from './commands/billing.js';
import { addCallCommands } from './commands/calls.js';
import { addCompletionCommands } from './commands/completion.js';
import { addConfigCommands } from './commands/config.js';
import { addKeyCommands, addSecretCommands } from './commands/credentials.js';
import { addConsumerCommands, addRoleCommands } from './commands/people.js';
import { addServerCommands } from './commands/server.js';
import { addStatusCommands } from './commands/status.js';
import { addStdioCommand } from './commands/stdio.js';
import { addUpCommand } from './commands/up.js';

/** The whole `mcpgw` command. */
export function buildProgram(): Command {
  const program = new Command('mcpgw')
    .description('Runs and manages an MCP Gateway: what agents may call, what they called, what it costs.')
    .version('0.1.0')
    .option('--admin-url <url>', "management API; MCPGW_ADMIN_URL, else first-run.json's")
    .option('--token <token>', "operator token; better in MCPGW_ADMIN_TOKEN; else first-run.json's")
    .option('--data-dir <folder>', 'folder with first-run.json; MCPGW_DATA_DIR, else .mcpgw')
    .option('--json', 'one JSON document on standard output')
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .exitOverride((error: CommanderError) => {
      // Commander has printed what is to say; help and version are no failures.
      process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage);
    });
  addUpCommand(program);
  addConfigCommands(program);
  addServerCommands(program);
  addConsumerCommands(program);
  addRoleCommands(program);
  addKeyCommands(program);
  addSecretCommands(program);
  addCallCommands(program);
  addAuditCommands(program);
  addBillingCommands(program);
  addStatusCommands(program);
  addStdioCommand(program);
  addCompletionCommands(program);
  program.addHelpText('after', '\nExit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 no gateway answers; audit verify: the code of its first finding.\n\nExamples:\n  $ mcpgw up\n  $ mcpgw apply -f mcp-gateway.yaml\n  $ mcpgw call everything__echo message=hello\n  $ mcpgw audit tail --since 5m');
  return program;
}
