import { z } from 'zod';

/**
 * What an MCP server offers, as discovered and pinned. The items are the server's own JSON objects, kept whole: a gateway
 * must not strip what it doesn't know (MCP 2026-07-28, server/tools; `_meta`, `$defs`, annotations, icons).
 */
const item = z.looseObject({ name: z.string() });
const resourceItem = z.looseObject({ uri: z.string(), name: z.string() });
const templateItem = z.looseObject({ uriTemplate: z.string(), name: z.string() });

export const toolDefinition = z.looseObject({ name: z.string(), inputSchema: z.looseObject({ type: z.literal('object') }) });
export type ToolDefinition = z.infer<typeof toolDefinition>;
export type ResourceDefinition = z.infer<typeof resourceItem>;
export type ResourceTemplateDefinition = z.infer<typeof templateItem>;
export type PromptDefinition = z.infer<typeof item>;

/** One skill of the extension `io.modelcontextprotocol/skills`; its files' digests are of their content. */
export const skillDefinition = z.looseObject({ uri: z.string() });
export type SkillDefinition = z.infer<typeof skillDefinition>;

export const era = z.enum(['legacy', 'modern']);
export type Era = z.infer<typeof era>;

export const serverDefinition = z.object({
  era,
  protocolVersion: z.string(),
  /** Which HTTP transport a server was found on; absent: Streamable HTTP, or stdio. `sse` is HTTP+SSE of MCP 2024-11-05. */
  transport: z.enum(['streamable-http', 'sse']).optional(),
  serverInfo: z.looseObject({ name: z.string(), version: z.string() }),
  capabilities: z.looseObject({}),
  instructions: z.string().optional(),
  tools: z.array(toolDefinition),
  resources: z.array(resourceItem),
  resourceTemplates: z.array(templateItem),
  prompts: z.array(item),
  /** Absent when the server doesn't declare the extension. */
  skills: z.array(skillDefinition).optional(),
  /** Items that were left out because they are invalid, each with its reason. */
  dropped: z.array(z.object({ kind: z.enum(['tool', 'resource', 'resourceTemplate', 'prompt', 'skill']), name: z.string(), reason: z.string() })),
});
export type ServerDefinition = z.infer<typeof serverDefinition>;
