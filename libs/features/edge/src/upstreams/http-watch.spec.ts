import { afterEach, describe, expect, it } from '@jest/globals';
import { resourceUpdated, type OrganizationName, type ServerName } from '@mcpgw/contracts';
import { MemoryBus } from '@mcpgw/platform-bus';
import { until } from '../upstream/testing/bench.js';
import { HttpWatch, ResourceNews } from './http-watch.js';

const organization = 'acme' as OrganizationName;
const crm = 'crm' as ServerName;

describe('HttpWatch', () => {
  let watch: HttpWatch;
  const told: string[][] = [];
  let fails = false;
  afterEach(() => {
    watch.close();
    told.length = 0;
    fails = false;
  });
  const make = (): HttpWatch => {
    watch = new HttpWatch({
      watch: (_organization, _server, uris) => {
        told.push([...uris]);
        if (fails) throw new Error('a secret is missing');
      },
    });
    return watch;
  };

  it('tells the server once however many watch a resource, and once more when the last has left', () => {
    make();
    const first = watch.watch(organization, crm, 'a://1');
    const second = watch.watch(organization, crm, 'a://1');
    first();
    first();
    expect(told).toEqual([['a://1']]);
    second();
    expect(told).toEqual([['a://1'], []]);
  });

  it('tells all again when servers may have moved', () => {
    make();
    watch.watch(organization, crm, 'a://1');
    watch.watch(organization, 'erp' as ServerName, 'b://1');
    watch.renew();
    expect(told.slice(2)).toEqual([['a://1'], ['b://1']]);
  });

  it('never throws, and tries a server again that could not be told', () => {
    make();
    fails = true;
    const end = watch.watch(organization, crm, 'a://1');
    fails = false;
    watch.renew();
    end();
    expect(told).toEqual([['a://1'], ['a://1'], []]);
  });

  it('watches 1,024 resources of one server and no more', () => {
    make();
    const ends = Array.from({ length: 1_030 }, (_, n) => watch.watch(organization, crm, `a://${n}`));
    expect(told.at(-1)).toHaveLength(1_024);
    for (const end of ends) end();
    expect(told.at(-1)).toEqual([]);
  });
});

describe('ResourceNews', () => {
  it('tells every edge at once, and of many changes in a row only the first and the last', async () => {
    const bus = new MemoryBus();
    const heard: string[] = [];
    bus.subscribe(resourceUpdated, ({ uri }) => void heard.push(uri));
    const news = new ResourceNews(bus);
    for (let n = 0; n < 1_000; n += 1) news.updated(organization, crm, 'a://1');
    news.updated(organization, crm, 'a://2');
    await until(() => heard.length === 3, 'the last change');
    expect(heard).toEqual(['a://1', 'a://2', 'a://1']);
    await bus.close();
  });
});
