import type { Rpc } from '@mcpgw/contracts';
import type { Health } from '@mcpgw/platform-runtime';
import type { z } from 'zod';
import type { ServerViews } from '../server-views.js';

/** What handlers may use beside the request itself. */
export interface AdminPorts {
  readonly health: Health;
  readonly servers: ServerViews;
}

/** One request, validated. `ask` sends a message to a service and gives up when the HTTP client hangs up. */
export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** Name of the operator whose token this is; what the registry records as the actor. */
  readonly operator: string;
  readonly ask: <Request, Reply>(message: Rpc<Request, Reply>, payload: Request, timeoutMs?: number) => Promise<Reply>;
}

interface Definition<Params, Query, Body, Reply> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** In OpenAPI's notation: `/api/v1/keys/{id}`. */
  readonly path: string;
  /** The same in Fastify's notation, where it must match less than any text in each parameter. */
  readonly match?: string;
  readonly summary: string;
  readonly tag: string;
  readonly params?: z.ZodType<Params>;
  readonly query?: z.ZodType<Query>;
  readonly body?: z.ZodType<Body>;
  readonly reply: z.ZodType<Reply>;
  handle(call: Call<Params, Query, Body>, ports: AdminPorts): Promise<Reply>;
}

/** A row of the table that routing, validation and OpenAPI are all made from. */
export type Route = Definition<unknown, unknown, unknown, unknown>;

/** Checks a row against its own schemas, then forgets their types: the server parses before it calls `handle`. */
export function route<Params, Query, Body, Reply>(definition: Definition<Params, Query, Body, Reply>): Route {
  return definition as unknown as Route;
}
