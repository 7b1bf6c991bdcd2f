import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayError, organizationConfig, policyBundles, policyChanged, policyDecide, roleConfig, type Decision, type DecisionRequest, type OrganizationName, type PolicyRule, type SignedBundle } from '@mcpgw/contracts';
import { makeBundle, signBundle } from '@mcpgw/core-policy';
import { MemoryBus } from '@mcpgw/platform-bus';
import { createContext, silentLogger, type ServiceContext } from '@mcpgw/platform-runtime';
import { LocalPolicy } from './local-policy.js';
import { RemotePolicy } from './remote-policy.js';

const acme = 'acme' as OrganizationName;
const globex = 'globex' as OrganizationName;

function bundleOf(organization: string, revision: number, rules: readonly PolicyRule[], key: Parameters<typeof sign>[2]): SignedBundle {
  const made = makeBundle({ organization: organizationConfig.parse({ name: organization }), revision, roles: [roleConfig.parse({ organization, name: 'support', rules })] });
  return signBundle(made.bundle, { keyId: 'spec', sign: (message) => sign(null, message, key) });
}

/** Answers as the PDP's contract says, one bundle a page. */
class FakePdp {
  readonly bundles = new Map<string, SignedBundle>();
  readonly asked: Record<string, string>[] = [];

  constructor(private readonly bus: MemoryBus) {}

  start(): void {
    this.bus.handle(policyBundles, async ({ known }) => {
      this.asked.push(known);
      const news = [...this.bundles.values()].filter(({ organization, digest }) => known[organization] !== digest);
      return { bundles: news.slice(0, 1), removed: Object.keys(known).filter((name) => !this.bundles.has(name)) as OrganizationName[], more: news.length > 1 };
    });
  }

  put(bundle: SignedBundle): void {
    this.bundles.set(bundle.organization, bundle);
    this.bus.publish(policyChanged, { organization: bundle.organization, digest: bundle.digest });
  }

  remove(organization: OrganizationName): void {
    this.bundles.delete(organization);
    this.bus.publish(policyChanged, { organization, digest: '' });
  }
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Not within 10 s: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

let directory: string;
let bus: MemoryBus;
let pdp: FakePdp;
let context: ServiceContext;
const open: LocalPolicy[] = [];

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'edge-policy-'));
  bus = new MemoryBus();
  pdp = new FakePdp(bus);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((policy) => policy.close()));
  await bus.close();
  rmSync(directory, { recursive: true });
});

function start(): LocalPolicy {
  context = createContext('edge', bus, silentLogger, { dataDir: directory });
  const policy = new LocalPolicy(context, directory);
  open.push(policy);
  policy.start();
  return policy;
}
const key = () => createContext('policy', bus, silentLogger, { dataDir: directory }).keyFiles.signing('policy-signing');
const bundle = (organization: string, revision: number, ...rules: PolicyRule[]) => bundleOf(organization, revision, rules, key());
const file = (organization: string) => path.join(directory, 'edge', 'bundles', `${organization}.json`);
const problems = () => context.health.status().problems.map(({ component }) => component);

function call(changes: Partial<DecisionRequest> = {}): DecisionRequest {
  return { organization: acme, consumer: 'bot', roles: ['support'], attributes: {}, action: 'tools/call', server: 'crm', target: 'get', arguments: {}, ...changes };
}

describe('LocalPolicy', () => {
  it('denies everything and is not ready while it has no bundle', async () => {
    const policy = start();
    expect(policy.decide(call())).toMatchObject({ effect: 'deny', bundleDigest: '' });
    expect(policy.mayEver(acme, ['support'], 'tools/call', 'crm', 'get')).toBe(false);
    expect([policy.digest(acme), policy.ageMs(), context.health.ready()]).toEqual([undefined, undefined, false]);
    await until('the missing PDP is said', () => problems().includes('policy refresh'));
  });

  it('decides by the bundles of the PDP and knows their age', async () => {
    pdp.put(bundle('acme', 1, { allow: 'crm/*' }));
    pdp.put(bundle('globex', 1));
    pdp.start();
    const policy = start();
    await until('it is ready', () => context.health.ready());
    expect(policy.decide(call())).toEqual({ effect: 'permit', ruleIds: ['support#1'], bundleDigest: pdp.bundles.get('acme')?.digest });
    expect(policy.decide(call({ organization: globex })).effect).toBe('deny');
    expect(policy.mayEver(acme, ['support'], 'tools/call', 'crm', 'get')).toBe(true);
    expect(policy.ageMs()).toBeGreaterThanOrEqual(0);
    expect(problems()).toEqual([]);
  });

  it('follows a hint, tells who listens, and forgets organizations that are gone', async () => {
    pdp.put(bundle('acme', 1, { allow: 'crm/*' }));
    pdp.start();
    const policy = start();
    await until('the bundle is in force', () => policy.decide(call()).effect === 'permit');
    await until('the bundle is on disk', () => readdirSync(path.dirname(file('acme'))).includes('acme.json'));
    await until('the first pull is over', () => policy.ageMs() !== undefined);
    const changes: string[] = [];
    policy.onChange((organization) => void changes.push(organization));
    pdp.put(bundle('acme', 2));
    await until('the new bundle is in force', () => policy.decide(call()).effect === 'deny');
    expect(policy.digest(acme)).toBe(pdp.bundles.get('acme')?.digest);
    pdp.remove(acme);
    await until('the bundle is gone', () => policy.digest(acme) === undefined);
    await until('its file is gone', () => readdirSync(path.dirname(file('acme'))).length === 0);
    expect(changes).toEqual(['acme', 'acme']);
  });

  it('starts again without the PDP on the bundles it kept, which are its own to read', async () => {
    pdp.put(bundle('acme', 5, { allow: 'crm/*' }));
    pdp.start();
    const first = start();
    await until('the first pull is over', () => first.ageMs() !== undefined);
    await first.close();
    expect(statSync(file('acme')).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(file('acme'))).mode & 0o777).toBe(0o700);
    await bus.close();
    bus = new MemoryBus();
    const second = start();
    expect(second.decide(call()).effect).toBe('permit');
    expect(context.health.ready()).toBe(true);
    expect(second.ageMs()).toBeUndefined();
  });

  it('refuses a bundle older than the one it holds, also after a restart, and takes what comes behind it', async () => {
    pdp.put(bundle('acme', 5));
    pdp.start();
    const first = start();
    await until('the first pull is over', () => first.ageMs() !== undefined);
    await first.close();
    pdp.put(bundle('acme', 4, { allow: 'crm/*' }));
    pdp.put(bundle('globex', 1, { allow: 'crm/*' }));
    const second = start();
    await until('the other organization came', () => second.decide(call({ organization: globex })).effect === 'permit');
    expect(second.decide(call()).effect).toBe('deny');
    expect(context.health.status().problems).toEqual([expect.objectContaining({ component: 'policy of acme', message: expect.stringContaining('revision 4 is older than 5') })]);
    expect(context.health.ready()).toBe(true);
    pdp.put(bundle('acme', 6, { allow: 'crm/*' }));
    await until('the newer one is in force', () => second.decide(call()).effect === 'permit');
    expect(problems()).toEqual([]);
  });

  it('refuses a bundle that another key signed or that was changed on the way', async () => {
    const stranger = generateKeyPairSync('ed25519').privateKey;
    const good = bundle('globex', 1);
    pdp.put(bundleOf('acme', 1, [{ allow: 'crm/*' }], stranger));
    pdp.put({ ...good, payload: good.payload.replace('"revision":1', '"revision":2') });
    pdp.start();
    const policy = start();
    await until('the pull is over', () => policy.ageMs() !== undefined);
    expect(problems()).toEqual(['policy of acme', 'policy of globex']);
    expect([policy.digest(acme), policy.digest(globex)]).toEqual([undefined, undefined]);
    expect(policy.decide(call()).effect).toBe('deny');
  });

  it('trusts nothing on disk that does not verify', async () => {
    const kept = start();
    await kept.close();
    const good = bundle('acme', 1, { allow: 'crm/*' });
    writeFileSync(file('acme'), JSON.stringify({ ...good, payload: good.payload.replace('"revision":1', '"revision":9') }));
    writeFileSync(file('globex'), JSON.stringify(good));
    writeFileSync(file('initech'), '{"organization":');
    writeFileSync(path.join(directory, 'edge', 'bundles', 'acme.json.draft'), 'half');
    const policy = start();
    expect([policy.digest(acme), policy.digest(globex), context.health.ready()]).toEqual([undefined, undefined, false]);
    pdp.put(good);
    pdp.start();
    bus.publish(policyChanged, { organization: acme, digest: good.digest });
    await until('the pull is over', () => policy.ageMs() !== undefined);
    expect(policy.decide(call()).effect).toBe('permit');
    expect(JSON.parse(readFileSync(file('acme'), 'utf8'))).toEqual(good);
  });
});

describe('RemotePolicy', () => {
  const answer: Decision = { effect: 'permit', ruleIds: ['support#1'], bundleDigest: 'remote' };

  it('asks the PDP for each call and lists by the bundles held here', async () => {
    const local = start();
    const requests: DecisionRequest[] = [];
    bus.handle(policyDecide, async (request) => {
      requests.push(request);
      return answer;
    });
    const remote = new RemotePolicy(bus, local);
    expect(await remote.decide(call({ arguments: { id: 1 } }))).toEqual(answer);
    expect(requests).toEqual([call({ arguments: { id: 1 } })]);
    expect([remote.mayEver(acme, ['support'], 'tools/call', 'crm', 'get'), remote.digest(acme)]).toEqual([false, undefined]);
    pdp.put(bundle('acme', 1, { allow: 'crm/*' }));
    pdp.start();
    bus.publish(policyChanged, { organization: acme, digest: 'hint' });
    await until('the bundle came', () => remote.mayEver(acme, ['support'], 'tools/call', 'crm', 'get'));
    expect(remote.digest(acme)).toBe(pdp.bundles.get('acme')?.digest);
  });

  it('rejects when the PDP does not answer, so that no call is made', async () => {
    const remote = new RemotePolicy(bus, start());
    await expect(remote.decide(call())).rejects.toMatchObject({ code: 'unavailable', message: 'The access rules could not be asked, so the call was not made. Try again.' });
    bus.handle(policyDecide, async () => {
      throw new GatewayError('internal', 'inside');
    });
    await expect(remote.decide(call())).rejects.toMatchObject({ code: 'unavailable' });
  });
});
