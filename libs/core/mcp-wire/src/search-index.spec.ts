import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SearchIndex, terms } from './search-index.js';

const tool = (name: string, description = '', properties: Record<string, object> = {}) => ({ name, definition: { name, description, inputSchema: { type: 'object', properties } } });

describe('SearchIndex', () => {
  const tools = [
    tool('crm__get_customer', 'Reads one customer by its number.', { customer_id: { type: 'string' } }),
    tool('git__listPullRequests', 'Lists the open pull requests of a repository.', { repository: { type: 'string' } }),
    tool('git__create_issue', 'Opens an issue.', { title: { description: 'What went wrong, in one sentence' } }),
    tool('mail__send', 'Sends a message to a customer.', { recipient: {} }),
  ];
  const index = new SearchIndex(tools);
  const names = (query: string, limit = 10) => index.search(query, limit).map((found) => tools[found]?.name);

  it('finds by name, description, argument and what is told of an argument', () => {
    expect(names('pull request')[0]).toBe('git__listPullRequests');
    expect(names('send an email message')[0]).toBe('mail__send');
    expect(names('recipient')).toEqual(['mail__send']);
    expect(names('sentence')).toEqual(['git__create_issue']);
  });

  it('puts a word of the name before the same in the description', () => {
    expect(names('customer')).toEqual(['crm__get_customer', 'mail__send']);
  });

  it('finds nothing for words that no tool has, and no more than asked', () => {
    expect(names('zebra')).toEqual([]);
    expect(names('')).toEqual([]);
    expect(names('a customer issue request', 2)).toHaveLength(2);
  });

  it('keeps the order of the tools where scores are equal', () => {
    const equal = new SearchIndex([tool('b_read'), tool('a_read'), tool('c_read')]);
    expect(equal.search('read', 10)).toEqual([0, 1, 2]);
  });

  it('searches nothing in nothing', () => {
    expect(new SearchIndex([]).search('x', 5)).toEqual([]);
  });
});

describe('terms', () => {
  it.each([
    ['listPullRequests', ['list', 'pull', 'request']],
    ['get.customer_ids', ['get', 'customer', 'id']],
    ['Queries, boxes and status', ['query', 'box', 'and', 'status']],
    ['größe ÄNDERN', ['größe', 'ändern']],
    ['HTTPServer v2Api', ['httpserver', 'v2', 'api']],
  ])('takes %s apart', (text, expected) => {
    expect(terms(text)).toEqual(expected);
  });

  it('takes text of one script apart as it does text of any', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', 'B', 'c', 'S', '9', '_', '-', ' ', '.') }), (text) => expect([...terms(text), 'é']).toEqual(terms(`${text} é`))));
  });
});
