import { Inject, Injectable } from '@nestjs/common';
import { GatewayError, type ApplyResult, type ConfigKind, type GatewayConfig, type OrganizationName } from '@mcpgw/contracts';
import type { RegistryTransaction } from '@mcpgw/platform-database';
import { CLOCK, type Clock } from '@mcpgw/platform-runtime';
import { check, nameObject, type Finding } from '../declared/check.js';
import { EMPTY, planChanges, resultOf, type Declared, type DeclaredOf, type Plan } from '../declared/plan.js';
import { didYouMean } from '../declared/suggest.js';
import { Changes } from '../store/changes.js';
import { Database } from '../store/database.js';
import { loadDeclared } from '../store/load.js';
import { requireOrganization } from '../store/organizations.js';
import { writePlan } from '../store/write.js';
import { routeCollisions } from './route-collisions.js';

const FINDINGS_IN_MESSAGE = 3;

/** Everything that an operator declares comes in here: a whole file, or one object through the same checks and the same plan. */
@Injectable()
export class ApplyConfig {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(Changes) private readonly changes: Changes,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async apply(request: { readonly actor: string; readonly config: GatewayConfig; readonly dryRun: boolean }): Promise<ApplyResult> {
    const desired = request.config;
    refuseFaults(check(desired));
    const planned = async (tx: RegistryTransaction): Promise<Plan> => {
      const plan = planChanges(await loadDeclared(tx, desired.organizations.map((organization) => organization.name)), desired);
      refuseFaults(await routeCollisions(tx, plan, desired));
      return plan;
    };
    if (request.dryRun) return resultOf(await this.database.read(planned));
    return this.changes.run(request.actor, async (tx, scope) => {
      const plan = await planned(tx);
      await writePlan(tx, plan, scope, this.now());
      return resultOf(plan);
    });
  }

  put<Kind extends Exclude<ConfigKind, 'organizations'>>(request: { readonly actor: string; readonly kind: Kind; readonly value: DeclaredOf<Kind> }): Promise<ApplyResult> {
    const { kind, value } = request;
    return this.changeOrganization(request.actor, value.organization, (current) => ({ ...current, [kind]: [...current[kind].filter((object) => object.name !== value.name), value] }));
  }

  delete(request: { readonly actor: string; readonly kind: ConfigKind; readonly organization: OrganizationName; readonly name: string }): Promise<ApplyResult> {
    const { kind, organization, name } = request;
    return this.changeOrganization(request.actor, organization, (current) => {
      const names = current[kind].map((object) => object.name as string);
      if (!names.includes(name)) throw new GatewayError('not_found', `There is no ${kind.slice(0, -1)} "${name}" in the organization "${organization}".${didYouMean(name, names)}`);
      if (kind === 'organizations') return EMPTY;
      return { ...current, [kind]: current[kind].filter((object) => object.name !== name) };
    });
  }

  async export(organization: OrganizationName | undefined): Promise<GatewayConfig> {
    return this.database.read(async (tx) => {
      if (organization !== undefined) await requireOrganization(tx, organization);
      return loadDeclared(tx, organization && [organization]);
    });
  }

  private changeOrganization(actor: string, organization: OrganizationName, change: (current: Declared) => Declared): Promise<ApplyResult> {
    return this.changes.run(actor, async (tx, scope) => {
      await requireOrganization(tx, organization);
      const current = await loadDeclared(tx, [organization]);
      const desired = change(current);
      refuseFaults(check(desired).map((finding) => nameObject(finding, desired)));
      const plan = planChanges(current, desired);
      refuseFaults((await routeCollisions(tx, plan, desired)).map((finding) => nameObject(finding, desired)));
      await writePlan(tx, plan, scope, this.now());
      return { ...resultOf(plan), unchanged: plan.changes.length === 0 ? 1 : 0 };
    });
  }

  private now(): Date {
    return new Date(this.clock.now());
  }
}

function refuseFaults(findings: readonly Finding[]): void {
  if (findings.length === 0) return;
  const said = findings.slice(0, FINDINGS_IN_MESSAGE).map((finding) => `${finding.path}: ${finding.message}`);
  const rest = findings.length - said.length;
  const message = `Nothing was changed, the configuration has ${findings.length === 1 ? 'a fault' : `${findings.length} faults`}. ${said.join(' ')}${rest > 0 ? ` And ${rest} more.` : ''}`;
  throw new GatewayError('invalid_params', message, { data: { findings } });
}
