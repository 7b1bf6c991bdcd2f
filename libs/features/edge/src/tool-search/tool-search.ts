import { setImmediate as othersTurn } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { isObject, SearchIndex, type RequestMessage } from '@mcpgw/core-mcp-wire';
import type { Admitted } from '../call-tool/door.js';
import { refuseByProtocol, type Refusal } from '../call-tool/refusal.js';
import { ownResult } from '../call-tool/translate-back.js';
import { resultAnswer, type Answer } from '../http/answer.js';
import { VisibleLists, type VisibleList } from '../lists/visible-lists.js';
import { DEFAULT_LIMIT, MAX_LIMIT, SEARCH_TOOLS } from './search-tools.js';

/** Added to an index before others have their turn: a few milliseconds. */
const TOOLS_AT_ONCE = 64;
const MAX_QUERY_CHARACTERS = 1_024;
/** Of an answer; a tool whose definition doesn't fit is left out, unless it is the only one. */
const MAX_ANSWER_CHARACTERS = 65_536;

/** `search_tools`: finds among the tools that this caller may see, and among no others. Keeps nothing between requests. */
@Injectable()
export class ToolSearch {
  /** Built on the first search of a list, and gone with it. */
  private readonly indexes = new WeakMap<VisibleList, Promise<SearchIndex>>();

  constructor(private readonly lists: VisibleLists) {}

  serves({ endpoint }: Admitted, { method, params }: RequestMessage): boolean {
    return endpoint.toolSearch && method === 'tools/call' && params?.['name'] === SEARCH_TOOLS;
  }

  async answer(admitted: Admitted, { id, params }: RequestMessage): Promise<Answer | Refusal> {
    const given = params?.['arguments'];
    const { query, limit = DEFAULT_LIMIT } = isObject(given) ? given : { query: undefined };
    if (typeof query !== 'string' || query.length > MAX_QUERY_CHARACTERS) return malformed(id, `"query" must be a string of at most ${MAX_QUERY_CHARACTERS} characters`);
    if (!Number.isSafeInteger(limit) || (limit as number) < 1 || (limit as number) > MAX_LIMIT) return malformed(id, `"limit" must be an integer from 1 to ${MAX_LIMIT}`);
    const list = this.lists.list(admitted.principal, admitted.endpoint, 'tools');
    const found = await this.find(list, query, limit as number);
    const text = found.length === 0 ? `No tool matches. There are ${list.offers.length} tools; try other words for what it should do.` : `[${found.join(',\n')}]`;
    return resultAnswer(id, JSON.stringify(ownResult(admitted.era, 'tools/call', { content: [{ type: 'text', text }] })));
  }

  private async find(list: VisibleList, query: string, limit: number): Promise<readonly string[]> {
    const texts: string[] = [];
    let characters = 0;
    for (const position of (await this.indexOf(list)).search(query, limit)) {
      const text = summary(list, position);
      if (texts.length > 0 && characters + text.length > MAX_ANSWER_CHARACTERS) continue;
      characters += text.length;
      texts.push(text);
    }
    return texts;
  }

  private indexOf(list: VisibleList): Promise<SearchIndex> {
    let index = this.indexes.get(list);
    if (!index) {
      index = build(list);
      this.indexes.set(list, index);
    }
    return index;
  }
}

async function build(list: VisibleList): Promise<SearchIndex> {
  const index = new SearchIndex();
  for (const { shown, definition } of list.offers) {
    index.add({ name: shown, definition });
    if (index.size % TOOLS_AT_ONCE === 0) await othersTurn();
  }
  return index;
}

/** What a model needs for the call: the rest of a definition would only cost it tokens. */
function summary(list: VisibleList, position: number): string {
  const offer = list.offers[position];
  const { description, inputSchema } = offer?.definition ?? {};
  return JSON.stringify({ name: offer?.shown, ...(description === undefined ? {} : { description }), inputSchema });
}

function malformed(id: RequestMessage['id'], reason: string): Refusal {
  return refuseByProtocol(id, 200, { code: -32602, message: `Invalid params: ${SEARCH_TOOLS}: ${reason}` });
}
