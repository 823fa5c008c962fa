import { createApiClient } from '../../health';
import { readToken, sessionEnded } from '../session';
import type { paths } from './types';

/** The client of the application's own routes. */
export const api = createApiClient<paths>({ token: readToken, onUnauthorized: sessionEnded });
