import type { Route } from '../http/route.js';
import { auditRoutes } from './audit.js';
import { billingRoutes } from './billing.js';
import { configurationRoutes } from './configuration.js';
import { credentialRoutes } from './credentials.js';
import { objectsRoutes } from './objects.js';
import { serversRoutes } from './servers.js';
import { statusRoutes } from './status.js';

/** The management API, all of it. */
export const API: readonly Route[] = [...statusRoutes, ...configurationRoutes, ...serversRoutes, ...objectsRoutes, ...credentialRoutes, ...auditRoutes, ...billingRoutes];
