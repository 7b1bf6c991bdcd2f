import { z } from 'zod';
import { faultBody } from './fault.js';
import type { Route } from './route.js';

type Json = Record<string, unknown>;

/** OpenAPI 3.1 of the table: what it says is what the server checks, because both read the same schemas. */
export function openApi(table: readonly Route[]): Json {
  const paths: Record<string, Json> = {};
  for (const route of table) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'MCP Gateway management API',
      version: '1',
      description: 'Everything that the command mcpgw does. Faults are answered as `{error: {code, message, data?}}`; `code` is stable, `message` is for people.',
    },
    security: [{ operatorToken: [] }],
    paths,
    components: {
      securitySchemes: { operatorToken: { type: 'http', scheme: 'bearer', description: 'An operator token; the first one is in <data dir>/first-run.json.' } },
      schemas: { Fault: schemaOf(faultBody, 'output') },
    },
  };
}

function operation(route: Route): Json {
  const parameters = [...parametersOf(route.params, 'path'), ...parametersOf(route.query, 'query')];
  const required = route.body ? !route.body.safeParse(undefined).success : false;
  return {
    operationId: `${route.method.toLowerCase()}${route.path.replace(/^\/api\/v1/, '').replace(/[^A-Za-z]+(.)?/g, (_all, letter: string | undefined) => letter?.toUpperCase() ?? '')}`,
    summary: route.summary,
    tags: [route.tag],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(route.body ? { requestBody: { required, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } } } : {}),
    responses: {
      200: { description: 'Done.', content: { 'application/json': { schema: schemaOf(route.reply, 'output') } } },
      default: { description: 'A fault.', content: { 'application/json': { schema: { $ref: '#/components/schemas/Fault' } } } },
    },
  };
}

function parametersOf(schema: z.ZodType | undefined, place: 'path' | 'query'): readonly Json[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as { properties?: Record<string, Json>; required?: readonly string[] };
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema: property,
  }));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' });
  return rest;
}
