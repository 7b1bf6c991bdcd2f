import type { CompiledPolicy } from '@mcpgw/contracts';
import { authorize } from './cedar.js';
import { PreparsedSlices } from './preparsed-slices.js';
import { SliceIndex, type Slice } from './slice-index.js';

function slices(count: number, policiesEach = 1): readonly Slice[] {
  return Array.from({ length: count }, () => {
    const policies = Array.from({ length: policiesEach }, (_, index): CompiledPolicy => ({ id: `p#${index}`, effect: 'permit', role: 'r', action: 'tools/call', serverPattern: '*', targetPattern: '*', argumentPaths: [], argumentTypes: [], attributes: [], cedar: 'permit(principal, action, resource);' }));
    return new SliceIndex(policies).sliceFor(['r'], 'tools/call', 's', 't');
  });
}

const allows = (slot: string | undefined): boolean | undefined => authorize(slot ?? '', { consumer: 'c', roles: [], attributes: {}, action: 'tools/call', server: 's', target: 't', arguments: {} })?.allow;

describe('PreparsedSlices', () => {
  it('writes over the least recently used when all slots are taken', () => {
    const cache = new PreparsedSlices({ slices: 3, policies: 100 });
    const [a, b, c, d] = slices(4) as [Slice, Slice, Slice, Slice];
    const first = cache.slotOf(a);
    const second = cache.slotOf(b);
    cache.slotOf(c);
    expect(cache.slotOf(a)).toBe(first);
    expect(cache.slotOf(d)).toBe(second);
    for (const slice of slices(50)) cache.slotOf(slice);
    expect(cache.written).toBe(3);
  });

  it('holds no more policies than allowed, except one slice alone', () => {
    const cache = new PreparsedSlices({ slices: 10, policies: 20 });
    const [small, medium, large] = [...slices(1, 8), ...slices(1, 12), ...slices(1, 30)] as [Slice, Slice, Slice];
    const slot = cache.slotOf(small) as string;
    const other = cache.slotOf(medium) as string;
    const last = cache.slotOf(large) as string;
    expect([...new Set([slot, other, last])].filter((name) => allows(name))).toEqual([last]);
  });

  it('empties the slots of what is dropped', () => {
    const cache = new PreparsedSlices({ slices: 10, policies: 20 });
    const [a, b] = slices(2) as [Slice, Slice];
    const [slotA, slotB] = [cache.slotOf(a), cache.slotOf(b)];
    cache.drop((slice) => slice === a);
    expect([allows(slotA), allows(slotB)]).toEqual([false, true]);
  });

  it('shares nothing between two engines of one thread', () => {
    const [slice] = slices(1) as [Slice];
    expect(new PreparsedSlices({ slices: 1, policies: 1 }).slotOf(slice)).not.toBe(new PreparsedSlices({ slices: 1, policies: 1 }).slotOf(slice));
  });
});
