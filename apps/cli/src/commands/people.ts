import { applyResult, consumerConfig, roleConfig, type AttributeValue, type RoleConfig } from '@mcpgw/contracts';
import type { Command } from 'commander';
import { z } from 'zod';
import { CliError, EXIT } from '../cli-error.js';
import { loadObject } from '../config-file/load-object.js';
import { table } from '../output/table.js';
import { examples, inPath, perform, repeatable } from '../perform.js';
import { applyText } from './config.js';
import { pairs } from './server.js';

interface Scoped {
  readonly organization?: string;
}

export function addConsumerCommands(program: Command): void {
  const consumer = program.command('consumer').description('agents and apps that call through the gateway');
  const list = consumer.command('list').description('all consumers').option('--organization <name>');
  perform<Scoped>(list, async ({ gateway, out }, { organization }) => {
    const reply = await gateway.admin().call('GET', 'consumers', z.object({ consumers: z.array(consumerConfig) }), { query: { organization } });
    out.result(reply, () => table(['ORGANIZATION', 'NAME', 'ROLES', 'ATTRIBUTES', ''], reply.consumers.map((one) => [one.organization, one.name, one.roles.join(','), Object.entries(one.attributes).map(([key, value]) => `${key}=${value}`).join(' '), one.disabled ? 'disabled' : ''])));
  });
  examples(list, ['consumer list']);

  const add = consumer
    .command('add')
    .argument('<name>')
    .description('add or replace a consumer')
    .option('--organization <name>')
    .option('--role <name>', 'role that it holds', repeatable)
    .option('--attribute <name=value>', 'attribute that rules can compare with', repeatable)
    .option('--description <text>')
    .option('--disabled', 'refuse its keys');
  perform<Scoped & { role?: readonly string[]; attribute?: readonly string[]; description?: string; disabled?: boolean }>(add, async ({ gateway, out }, options, [name = '']) => {
    const admin = gateway.admin();
    const organization = await gateway.organization(admin, options.organization);
    const attributes = Object.fromEntries(Object.entries(pairs(options.attribute, '--attribute')).map(([key, text]) => [key, attributeValue(text)]));
    const body = { organization, name, description: options.description, roles: options.role ?? [], attributes, disabled: options.disabled ?? false };
    const result = await admin.call('PUT', inPath('organizations', organization, 'consumers', name), applyResult, { body });
    out.result(result, () => applyText(result));
  });
  examples(add, ['consumer add desk-agent --role reader --attribute customer=4711']);
  addRemove(consumer, 'consumers', 'remove a consumer; its keys stop working');
}

export function addRoleCommands(program: Command): void {
  const role = program.command('role').description('what consumers may call');
  const list = role.command('list').description('all roles').option('--organization <name>');
  perform<Scoped>(list, async ({ gateway, out }, { organization }) => {
    const reply = await gateway.admin().call('GET', 'roles', z.object({ roles: z.array(roleConfig) }), { query: { organization } });
    out.result(reply, () => table(['ORGANIZATION', 'NAME', 'RULES', 'DESCRIPTION'], reply.roles.map((one) => [one.organization, one.name, one.rules.length, one.description])));
  });
  examples(list, ['role list']);

  const show = role.command('show').argument('<name>').description('the rules of a role').option('--organization <name>');
  perform<Scoped>(show, async ({ gateway, out }, options, [name = '']) => {
    const admin = gateway.admin();
    const one = await admin.call('GET', inPath('organizations', await gateway.organization(admin, options.organization), 'roles', name), roleConfig);
    out.result(one, () => roleText(one));
  });
  examples(show, ['role show reader']);

  const add = role
    .command('add')
    .argument('<name>')
    .description('add or replace a role')
    .option('--organization <name>')
    .option('-f, --file <file>', 'the role as YAML or JSON, for rules with conditions')
    .option('--allow <pattern>', '<server>/<tool>, * as a wildcard', repeatable)
    .option('--deny <pattern>', 'wins over every allow', repeatable)
    .option('--description <text>');
  perform<Scoped & { file?: string; allow?: readonly string[]; deny?: readonly string[]; description?: string }>(add, async ({ gateway, out }, options, [name = '']) => {
    const admin = gateway.admin();
    const organization = await gateway.organization(admin, options.organization);
    const rules = [...(options.deny ?? []).map((deny) => ({ deny })), ...(options.allow ?? []).map((allow) => ({ allow }))];
    if ((options.file === undefined) === (rules.length === 0)) throw new CliError('Give either --allow and --deny patterns, or -f FILE.', { exitCode: EXIT.usage, code: 'usage' });
    const body = options.file === undefined ? { organization, name, description: options.description, rules } : loadObject(options.file, roleConfig, { organization, name });
    const result = await admin.call('PUT', inPath('organizations', organization, 'roles', name), applyResult, { body });
    out.result(result, () => applyText(result));
  });
  examples(add, ['role add reader --allow "files/read_*" --allow "crm/*" --deny "crm/delete_*"', 'role add clerk -f clerk.yaml']);
  addRemove(role, 'roles', 'remove a role');
}

function addRemove(parent: Command, kind: 'consumers' | 'roles', description: string): void {
  const remove = parent.command('remove').argument('<name>').description(description).option('--organization <name>');
  perform<Scoped>(remove, async ({ gateway, out }, options, [name = '']) => {
    const admin = gateway.admin();
    const result = await admin.call('DELETE', inPath('organizations', await gateway.organization(admin, options.organization), kind, name), applyResult);
    out.result(result, () => applyText(result));
  });
  examples(remove, [`${parent.name()} remove NAME`]);
}

/** `4711` and `true` become a number and a truth value, as they would in YAML; quotes keep text: `'"4711"'`. */
function attributeValue(text: string): AttributeValue {
  if (/^-?(0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  if (text === 'true' || text === 'false') return text === 'true';
  return /^".*"$/.test(text) ? text.slice(1, -1) : text;
}

function roleText({ name, description, rules }: RoleConfig): string {
  const lines = rules.map((rule, index) => `${name}#${index + 1}  ${rule.deny === undefined ? `allow ${rule.allow}` : `deny  ${rule.deny}`}${rule.when ? `  when ${JSON.stringify(rule.when.arguments)}` : ''}`);
  return [...(description ? [description] : []), ...lines].join('\n');
}
