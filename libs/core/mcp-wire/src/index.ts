export { askForLegacy, askForModern, askInTheNameOf, declinedAnswer, MAX_ASK_KEY_CHARACTERS, mayAskForInput, readInputRequired, resultTypeOf, urlElicitationsOf, type Ask, type InputRequired } from './asks.js';
export { canBeAsked, carriedCapabilities, isDeclaredAsk, NO_CAPABILITIES } from './capabilities.js';
export { classifyHttp, type Classification, type LegacyMessage, type McpHeaders, type ModernNotification, type ModernRequest, type Rejection } from './classify.js';
export { contestedNames, contestedTemplates, contestedUris, skillRoot, skillTemplate, templateHead, type Contested, type Published } from './collisions.js';
export { discoverServer, DISCOVERY_LIMITS, type SendRequest } from './discover.js';
export {
  ENVELOPE_KEYS,
  isClientInfo,
  isLogLevel,
  LOG_LEVELS,
  META_CLIENT_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
  META_PROTOCOL_VERSION,
  META_SERVER_INFO,
  META_SUBSCRIPTION_ID,
  metaOf,
  progressTokenOf,
  traceparentOf,
  type ClientInfo,
  type Envelope,
  type LogLevel,
} from './envelope.js';
export { legacyInitializeParams, readDiscoverResult, readInitializeResult, type Handshake, type HandshakeResult } from './handshake.js';
export {
  errorResponse,
  isObject,
  isRequestId,
  quote,
  readMessage,
  resultResponse,
  type BatchMessage,
  type InvalidMessage,
  type JsonObject,
  type Message,
  type NotificationMessage,
  type RequestId,
  type RequestMessage,
  type ResponseMessage,
  type RpcError,
} from './json-rpc.js';
export { LineDecoder } from './lines.js';
export { decodeHeaderValue, encodeHeaderValue, HEADER_MISMATCH, MISSING_CLIENT_CAPABILITY, nameHeaderSource, UNSUPPORTED_PROTOCOL_VERSION } from './mcp-headers.js';
export { federatedName, federatedUri, MAX_FEDERATED_NAME, splitUri } from './names.js';
export { paramHeaderValues, readParamHeaders, type ParamHeader, type ParamHeaders } from './param-headers.js';
export { outgoingRequest, PendingCalls, type CallEvent, type OutgoingRequest } from './pending.js';
export { SearchIndex, type SearchedTool } from './search-index.js';
export { encodeSse, SSE_KEEP_ALIVE, SseDecoder, type SseEvent } from './sse.js';
export { parseStrict, type StrictJsonLimits, type StrictJsonResult } from './strict-json.js';
export { type StrictJsonCode, type StrictJsonFault } from './strict-json-fault.js';
export { declaresTasks, isTaskMethod, readTaskId, TASKS_EXTENSION, withoutTasks, withTasks, type TaskMethod } from './task.js';
export { paramsForLegacy, paramsForModern, toLegacyError, toLegacyResult, toModernError, toModernResult } from './translate.js';
export { ASSUMED_LEGACY_VERSION, LATEST_LEGACY_VERSION, LATEST_MODERN_VERSION, LEGACY_VERSIONS, MODERN_VERSIONS, negotiateLegacyVersion } from './versions.js';
