import { describe, expect, it } from '@jest/globals';
import { cgroupLayout } from './layout.js';

const ROOT = '/sys/fs/cgroup';
const v1 = (controller: string, root = '/'): string => `32 31 0:29 ${root} ${ROOT}/${controller} rw,relatime - cgroup cgroup rw,${controller}`;
const v2 = (at = ROOT, root = '/'): string => `41 31 0:38 ${root} ${at} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate`;

describe('control groups, where they are', () => {
  it('version 1: below our own group first, then at the top', () => {
    const layout = cgroupLayout([v1('memory'), v1('pids'), v1('cpu')].join('\n'), '4:memory:/jobs/7\n8:pids:/\n1:cpu,cpuacct:/x\n', ROOT);
    expect(layout).toEqual({ version: 1, memory: [`${ROOT}/memory/jobs/7`, `${ROOT}/memory`], pids: [`${ROOT}/pids`], cpu: [`${ROOT}/cpu/x`, `${ROOT}/cpu`] });
  });

  it('hybrid: version 1 holds the controllers', () => {
    expect(cgroupLayout([v1('memory'), v1('pids'), v1('cpu'), v2(`${ROOT}/unified`)].join('\n'), '4:memory:/\n0::/\n', ROOT)?.version).toBe(1);
  });

  it('version 2: beside our own group first, because a group with processes has no limited children', () => {
    expect(cgroupLayout(v2(), '0::/user.slice/app.slice/run.scope\n', ROOT)).toMatchObject({
      version: 2,
      self: `${ROOT}/user.slice/app.slice/run.scope`,
      memory: [`${ROOT}/user.slice/app.slice`, `${ROOT}/user.slice/app.slice/run.scope`, ROOT],
    });
  });

  it('a container that sees only its own part', () => {
    expect(cgroupLayout([v1('memory', '/docker/abc'), v1('pids', '/docker/abc'), v1('cpu', '/docker/abc')].join('\n'), '4:memory:/docker/abc/sub\n', ROOT)?.memory).toEqual([`${ROOT}/memory/sub`, `${ROOT}/memory`]);
    expect(cgroupLayout(v2(), '0::/../..\n', ROOT)?.memory).toEqual([ROOT]);
  });

  it('none', () => {
    expect(cgroupLayout('31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n', '', ROOT)).toBeUndefined();
  });
});
