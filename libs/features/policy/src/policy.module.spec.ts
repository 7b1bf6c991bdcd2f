import { createPublicKey, verify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  GatewayError,
  organizationView,
  policyBundles,
  policyChanged,
  policyDecide,
  policyStatus,
  registryChanged,
  registrySnapshot,
  type DecisionRequest,
  type OrganizationName,
  type OrganizationView,
  type PolicyRule,
} from '@mcpgw/contracts';
import { openBundle } from '@mcpgw/core-policy';
import { MemoryBus } from '@mcpgw/platform-bus';
import { createContext, loadConfig, silentLogger, startService, type RunningService } from '@mcpgw/platform-runtime';
import { until } from '@mcpgw/testing';
import { policyConfig } from './policy-config.js';
import { PolicyModule } from './policy.module.js';

const acme = 'acme' as OrganizationName;
const globex = 'globex' as OrganizationName;

/** Answers snapshots as the registry's contract says, one organization a page. */
class FakeRegistry {
  private readonly views = new Map<string, OrganizationView>();
  failing = false;

  constructor(private readonly bus: MemoryBus) {
    bus.handle(registrySnapshot, async ({ known }) => {
      if (this.failing) throw new GatewayError('unavailable', 'The registry has no database.');
      const changed = [...this.views.values()].filter((view) => known[view.organization.name] !== view.revision);
      return { changed: changed.slice(0, 1), removed: Object.keys(known).filter((name) => !this.views.has(name)) as OrganizationName[], more: changed.length > 1 };
    });
  }

  put(organization: string, revision: number, rules: readonly PolicyRule[]): void {
    const view = { organization: { name: organization }, revision, servers: [], routes: [], roles: [{ organization, name: 'support', rules }], consumers: [], limits: [], keys: [], secrets: [] };
    this.views.set(organization, organizationView.parse(view));
    this.bus.publish(registryChanged, { organization: organization as OrganizationName, revision });
  }

  delete(organization: OrganizationName): void {
    this.views.delete(organization);
    this.bus.publish(registryChanged, { organization, revision: 0 });
  }
}

function call(organization: OrganizationName, target = 'get'): DecisionRequest {
  return { organization, consumer: 'bot', roles: ['support'], attributes: {}, action: 'tools/call', server: 'crm', target, arguments: {} };
}

describe('the policy service', () => {
  let directory: string;
  let bus: MemoryBus;
  const services: RunningService[] = [];

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'policy-'));
    bus = new MemoryBus();
  });
  afterEach(async () => {
    await Promise.all(services.splice(0).map((service) => service.close()));
    await bus.close();
    rmSync(directory, { recursive: true });
  });

  async function start(pullMs = 60_000): Promise<RunningService> {
    const config = loadConfig(policyConfig, { policyPullMs: pullMs }, {});
    const service = await startService(createContext('policy', bus, silentLogger, { dataDir: directory }), PolicyModule.forRoot(config));
    services.push(service);
    return service;
  }
  const ready = (service: RunningService) => until('the service is ready', () => service.health.ready());
  const bundles = (known: Record<string, string> = {}) => bus.request(policyBundles, { known });
  const effect = async (organization: OrganizationName, target?: string) => (await bus.request(policyDecide, call(organization, target))).effect;

  it('serves each organization its signed bundle at the revision of its view', async () => {
    const registry = new FakeRegistry(bus);
    registry.put('acme', 3, [{ allow: 'crm/*' }]);
    registry.put('globex', 9, []);
    await ready(await start());
    const page = await bundles();
    expect(page).toMatchObject({ removed: [], more: false });
    const key = createPublicKey(readFileSync(path.join(directory, 'keys', 'policy-signing.pub'), 'utf8'));
    const opened = page.bundles.map((signed) => openBundle(signed, (message, signature) => verify(null, message, key, signature)));
    expect(opened).toEqual([
      { bundle: expect.objectContaining({ organization: 'acme', revision: 3, policies: [expect.objectContaining({ id: 'support#1', effect: 'permit' })] }) },
      { bundle: expect.objectContaining({ organization: 'globex', revision: 9, policies: [] }) },
    ]);
    const known = Object.fromEntries(page.bundles.map(({ organization, digest }) => [organization, digest]));
    expect(await bundles(known)).toEqual({ bundles: [], removed: [], more: false });
  });

  it('answers nothing before it has read the whole registry, so that nothing looks removed', async () => {
    const service = await start(100);
    await expect(bundles({ acme: 'held' })).rejects.toMatchObject({ code: 'unavailable' });
    await expect(bus.request(policyDecide, call(acme))).rejects.toMatchObject({ code: 'unavailable' });
    await until('the registry is missed', () => service.health.status().problems.some(({ component }) => component === 'registry'));
    const status = await bus.request(policyStatus, {});
    expect(status.ready).toBe(false);
    expect(status.problems.map(({ component }) => component)).toEqual(['bundles', 'registry']);
    new FakeRegistry(bus).put('acme', 1, [{ allow: 'crm/*' }]);
    await ready(service);
    expect(await bus.request(policyStatus, {})).toMatchObject({ ready: true, problems: [], details: { bundles: { organizations: 1, rules: 1 } } });
  });

  it('follows a hint of the registry and gives one of its own', async () => {
    const registry = new FakeRegistry(bus);
    registry.put('acme', 1, [{ allow: 'crm/*' }]);
    await ready(await start());
    const hints: unknown[] = [];
    bus.subscribe(policyChanged, (hint) => void hints.push(hint));
    const before = (await bundles()).bundles[0]?.digest;
    registry.put('acme', 2, [{ allow: 'crm/*' }, { deny: 'crm/get' }]);
    await until('the new rule denies', async () => (await effect(acme)) === 'deny');
    const after = (await bundles()).bundles[0]?.digest;
    expect(after).not.toBe(before);
    await until('the hint is out', () => hints.length === 1);
    expect(hints).toEqual([{ organization: 'acme', digest: after }]);
    registry.delete(acme);
    await until('the organization is gone', async () => (await bundles({ acme: 'any' })).removed.includes(acme));
    await until('the hint is out', () => hints.length === 2);
    expect(hints[1]).toEqual({ organization: 'acme', digest: '' });
    expect(await effect(acme)).toBe('deny');
  });

  it('looks again without a hint', async () => {
    const registry = new FakeRegistry(bus);
    await ready(await start(100));
    const publish = bus.publish.bind(bus);
    bus.publish = () => undefined;
    registry.put('acme', 1, [{ allow: 'crm/*' }]);
    bus.publish = publish;
    await until('the rule permits', async () => (await effect(acme)) === 'permit');
  });

  it('keeps the last good bundle when roles do not compile, and says which rule is the culprit', async () => {
    const registry = new FakeRegistry(bus);
    registry.put('acme', 1, [{ allow: 'crm/*' }]);
    const service = await start();
    await ready(service);
    const before = await bundles();
    registry.put('acme', 2, [{ allow: 'crm/*', when: { arguments: { id: '${nobody}' } } }]);
    registry.put('globex', 1, [{ allow: 'crm/*' }]);
    await until('globex is served', async () => (await effect(globex)) === 'permit');
    expect(await bundles({ globex: (await bundles()).bundles[1]?.digest ?? '' })).toEqual(before);
    expect(await effect(acme)).toBe('permit');
    expect(service.health.ready()).toBe(true);
    expect(service.health.status().problems).toEqual([expect.objectContaining({ component: 'bundle acme', message: expect.stringContaining('roles[0].rules[0].when.arguments.id') })]);
    // An edge that holds the old bundle isn't told that the organization is gone.
    expect((await bundles({ acme: 'another' })).removed).toEqual([]);
    registry.put('acme', 3, []);
    await until('the mended role is in force', async () => (await effect(acme)) === 'deny');
    expect(service.health.status().problems).toEqual([]);
  });

  it('serves what it has while the registry is away', async () => {
    const registry = new FakeRegistry(bus);
    registry.put('acme', 1, [{ allow: 'crm/*' }]);
    const service = await start(100);
    await ready(service);
    registry.failing = true;
    await until('the registry is missed', () => service.health.status().problems.some(({ component }) => component === 'registry'));
    expect(service.health.ready()).toBe(true);
    expect(await effect(acme)).toBe('permit');
    expect((await bundles()).bundles).toHaveLength(1);
  });

  it('makes the same bundles as its twin, so that an edge may ask either', async () => {
    const registry = new FakeRegistry(bus);
    registry.put('acme', 4, [{ allow: 'crm/*' }, { deny: 'crm/x', when: { arguments: { n: { atLeast: 3 } } } }]);
    await ready(await start());
    const one = await bundles();
    await services.pop()?.close();
    await ready(await start());
    expect(await bundles()).toEqual(one);
  });

  it('sends at most 4 MiB at once', async () => {
    const registry = new FakeRegistry(bus);
    const rules = Array.from({ length: 512 }, (_, index): PolicyRule => ({ allow: `crm/t${index}`, when: { arguments: { id: { in: ['x'.repeat(1_000), 'y'.repeat(400)] } } } }));
    for (const name of ['a', 'b', 'c', 'd']) registry.put(name, 1, rules);
    await ready(await start());
    const known: Record<string, string> = {};
    const pages: number[] = [];
    for (let more = true; more; ) {
      const page = await bundles(known);
      expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(4.2 * 1_048_576);
      for (const { organization, digest } of page.bundles) known[organization] = digest;
      pages.push(page.bundles.length);
      more = page.more;
    }
    expect(pages.length).toBeGreaterThan(1);
    expect(Object.keys(known)).toEqual(['a', 'b', 'c', 'd']);
  });
});
