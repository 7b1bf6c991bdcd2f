import type { Command } from 'commander';
import { EXIT } from '../cli-error.js';
import { diagnose } from '../doctor/diagnose.js';
import type { Hop } from '../doctor/hop.js';
import { aboutServer, gatewayStatus, type GatewayStatus } from '../gateway/status.js';
import { table } from '../output/table.js';
import { examples, perform } from '../perform.js';

export function addStatusCommands(program: Command): void {
  const status = program.command('status').description('how every service and every server is');
  perform(status, async ({ gateway, out }) => {
    const reply = await gateway.admin().call('GET', 'status', gatewayStatus);
    out.result(reply, () => statusText(reply));
  });
  examples(status, ['status', 'status --json']);

  const doctor = program.command('doctor').description('check every hop from this machine to the servers, and say what to do about the one that fails');
  perform(doctor, async ({ gateway, out }) => {
    const hops: Hop[] = [];
    for await (const hop of diagnose(gateway)) {
      hops.push(hop);
      if (!out.json) out.line(hopText(hop));
    }
    const ok = hops.every((hop) => hop.state !== 'failed');
    if (out.json) out.result({ ok, checks: hops }, () => '');
    else out.line(ok ? '\nEverything that was checked works.' : `\nThe first hop that fails is "${hops.find((hop) => hop.state === 'failed')?.hop}".`);
    return ok ? EXIT.ok : EXIT.failed;
  });
  examples(doctor, ['doctor']);
}

function statusText({ ready, services, servers }: GatewayStatus): string {
  const problems = [...problemsOf(services), ...servers.flatMap(({ organization, name, health }) => (health.problem ? [`server ${organization}/${name}: ${health.problem} After that: mcpgw server refresh ${name} --organization ${organization}`] : []))];
  return [
    table(['SERVICE', 'STATE', 'SINCE', 'INSTANCE'], services.map(({ service, up, ready: fine, startedAt, instance }) => [service, up ? (fine ? 'ready' : 'not ready') : 'down', startedAt, instance])),
    ...(servers.length > 0 ? ['', table(['SERVER', 'STATE', 'SINCE'], servers.map(({ organization, name, health }) => [`${organization}/${name}`, health.state, health.since]))] : []),
    ...(problems.length > 0 ? ['', ...problems] : []),
    '',
    ready ? 'The gateway is ready.' : 'The gateway is not ready.',
  ].join('\n');
}

/** A server that fails is reported by all that have to do with it; it has a line of its own. */
function problemsOf(services: GatewayStatus['services']): readonly string[] {
  return services.flatMap(({ service, problems }) => problems.filter((problem) => !aboutServer(problem)).map(({ component, message, action }) => `${service}${component === service ? '' : `, ${component}`}: ${message} ${action}`));
}

function hopText({ hop, state, detail, fix }: Hop): string {
  const mark = { ok: 'ok     ', failed: 'FAILED ', skipped: 'skipped' }[state];
  return `${mark}  ${hop}: ${detail}${fix === undefined ? '' : `\n         ${fix}`}`;
}
