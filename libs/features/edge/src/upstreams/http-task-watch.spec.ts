import { beforeEach, describe, expect, it } from '@jest/globals';
import type { OrganizationName, ServerName } from '@mcpgw/contracts';
import type { TaskListeners } from '../upstream/modern-listen.js';
import { HttpTaskWatch } from './http-task-watch.js';

const organization = 'acme' as OrganizationName;
const crm = 'crm' as ServerName;

describe('HttpTaskWatch', () => {
  let told: TaskListeners[] = [];
  let fails = false;
  let watch: HttpTaskWatch;
  beforeEach(() => {
    told = [];
    fails = false;
    watch = new HttpTaskWatch({
      watchTasks: (_organization, _server, tasks) => {
        told.push(tasks);
        if (fails) throw new Error('a secret is missing');
      },
    });
  });
  const ids = (): string[][] => told.map((tasks) => [...tasks.keys()]);

  it('tells the server once however many listen to a task, and all of them what it says', () => {
    const heard: string[] = [];
    const first = watch.watch(organization, crm, 't-1', () => void heard.push('first'));
    const second = watch.watch(organization, crm, 't-1', () => void heard.push('second'));
    told[0]?.get('t-1')?.({});
    first();
    first();
    told[0]?.get('t-1')?.({});
    expect(heard).toEqual(['first', 'second', 'second']);
    second();
    expect(ids()).toEqual([['t-1'], []]);
  });

  it('tells all again when servers may have moved, and never throws', () => {
    fails = true;
    const end = watch.watch(organization, crm, 't-1', () => undefined);
    watch.renew();
    end();
    watch.renew();
    expect(ids()).toEqual([['t-1'], ['t-1'], []]);
  });

  it('listens to 1,024 tasks of one server and no more', () => {
    const ends = Array.from({ length: 1_030 }, (_, n) => watch.watch(organization, crm, `t-${n}`, () => undefined));
    expect(told.at(-1)?.size).toBe(1_024);
    for (const end of ends) end();
    expect(told.at(-1)?.size).toBe(0);
  });
});
