/** The two tools that a route with tool search shows in place of its own. */
export const SEARCH_TOOLS = 'search_tools';
export const CALL_TOOL = 'call_tool';

export const DEFAULT_LIMIT = 5;
export const MAX_LIMIT = 20;

// The same text for everybody, so that clients and models can cache it.
const DEFINITIONS = [
  {
    name: CALL_TOOL,
    description: `Calls a tool that ${SEARCH_TOOLS} has found. Give its exact name, and its arguments as its inputSchema says.`,
    inputSchema: {
      type: 'object',
      properties: {
        name: { type: 'string', description: `Name of the tool, as ${SEARCH_TOOLS} shows it` },
        arguments: { type: 'object', description: 'Arguments of that tool' },
      },
      required: ['name'],
    },
  },
  {
    name: SEARCH_TOOLS,
    description: `Finds tools by what they do: there are more tools here than are listed. Search before you say that something can't be done. Answers with names, descriptions and input schemas; call what you find with ${CALL_TOOL}.`,
    inputSchema: {
      type: 'object',
      properties: {
        query: { type: 'string', description: 'Words for what the tool should do, for instance "create calendar event"' },
        limit: { type: 'integer', minimum: 1, maximum: MAX_LIMIT, description: `How many tools to show at most, ${DEFAULT_LIMIT} when absent` },
      },
      required: ['query'],
    },
    annotations: { readOnlyHint: true, openWorldHint: false },
  },
];

/** As the items of `tools/list`, without brackets. */
export const SEARCH_LIST = DEFINITIONS.map((definition) => JSON.stringify(definition)).join(',');
