import { Injectable } from '@nestjs/common';
import type { RequestMessage } from '@mcpgw/core-mcp-wire';
import type { Admitted } from '../call-tool/door.js';
import { refuseByProtocol, type Refusal } from '../call-tool/refusal.js';
import { hasSkills } from '../catalog/extensions.js';
import type { OfferKind } from '../catalog/offer.js';
import { resultAnswer, type Answer } from '../http/answer.js';
import { VisibleLists } from '../lists/visible-lists.js';
import { ToolSearch } from '../tool-search/tool-search.js';
import { Cursors } from './cursors.js';
import { MODERN_TAIL } from './server-info.js';

const LISTS: Readonly<Record<string, OfferKind>> = { 'tools/list': 'tools', 'prompts/list': 'prompts', 'resources/list': 'resources', 'resources/templates/list': 'resourceTemplates', 'skills/list': 'skills' };

/** What this caller may see, from memory: lists, and the search that a route may have in the place of one. */
@Injectable()
export class ListRequests {
  constructor(
    private readonly lists: VisibleLists,
    private readonly search: ToolSearch,
    private readonly cursors: Cursors,
  ) {}

  /** `undefined` for what is no list. */
  answer(admitted: Admitted, message: RequestMessage, route: string | undefined): Answer | Refusal | Promise<Answer | Refusal> | undefined {
    const kind = Object.hasOwn(LISTS, message.method) ? LISTS[message.method] : undefined;
    if (kind && (kind !== 'skills' || admitted.endpoint.servers.some(hasSkills))) return this.list(admitted, message, kind, route);
    return this.search.serves(admitted, message) ? this.search.answer(admitted, message) : undefined;
  }

  private list({ principal, subject, endpoint, era }: Admitted, { id, params }: RequestMessage, kind: OfferKind, route: string | undefined): Answer | Refusal {
    const given = params?.['cursor'];
    const cursor = given === undefined ? undefined : this.cursors.take(given, subject, route, kind);
    const page = given === undefined || cursor !== undefined ? this.lists.list(principal, endpoint, kind).page(cursor) : undefined;
    if (!page) return refuseByProtocol(id, 200, { code: -32602, message: 'Invalid params: the cursor is not one of ours' });
    const next = page.nextCursor === undefined ? '' : `,"nextCursor":${JSON.stringify(this.cursors.give(page.nextCursor, subject, route, kind))}`;
    return resultAnswer(id, `{"${kind}":[${page.items}]${next}${era === 'modern' ? MODERN_TAIL : '}'}`);
  }
}
