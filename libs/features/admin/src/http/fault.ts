import { ERRORS, GatewayError, toGatewayError } from '@mcpgw/contracts';
import { z } from 'zod';

/** Body of every answer that is not a success. */
export const faultBody = z.object({
  error: z.object({
    code: z.string().describe('One of the gateway error codes, such as `not_found`'),
    message: z.string().describe('Names the culprit and what to do'),
    data: z.record(z.string(), z.unknown()).optional(),
  }),
});

export interface RenderedFault {
  readonly status: number;
  readonly fault: GatewayError;
  readonly body: z.infer<typeof faultBody>;
}

export function renderFault(thrown: unknown): RenderedFault {
  const fault = fromFastify(thrown) ?? toGatewayError(thrown);
  const { code, message, data } = fault;
  return { status: ERRORS[code].http, fault, body: { error: { code, message, ...(data ? { data: { ...data } } : {}) } } };
}

/** All findings of a schema at once, in the shape the registry uses for its own. */
export function invalidInput(what: string, error: z.ZodError): GatewayError {
  const findings = error.issues.map((issue) => ({ path: pathText(issue.path), message: issue.message }));
  const first = findings[0];
  const rest = findings.length > 1 ? ` (and ${findings.length - 1} more in data.findings)` : '';
  return new GatewayError('invalid_params', `${what} is not valid: ${first?.path ? `${first.path}: ` : ''}${first?.message ?? 'unknown fault'}${rest}.`, { data: { findings } });
}

/** `['roles', 2, 'rules']` -> `roles[2].rules`. */
function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`), '');
}

/** What Fastify itself refuses while it reads a body. Its messages may quote the body, so they are not passed on. */
function fromFastify(thrown: unknown): GatewayError | undefined {
  if (thrown instanceof GatewayError || !(thrown instanceof Error)) return undefined;
  const { statusCode, code } = thrown as { statusCode?: unknown; code?: unknown };
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return undefined;
  if (statusCode === 413) return new GatewayError('payload_too_large', 'The body is larger than this API takes (MCPGW_ADMIN_MAX_BODY_BYTES). Send fewer objects at once.', { cause: thrown });
  if (statusCode === 415) return new GatewayError('invalid_request', 'Send the body as Content-Type: application/json.', { cause: thrown });
  if (code === 'FST_ERR_CTP_EMPTY_JSON_BODY') return new GatewayError('invalid_request', 'The body is empty; this route takes a JSON document.', { cause: thrown });
  return new GatewayError('invalid_request', 'The body is not a valid JSON document.', { cause: thrown });
}
