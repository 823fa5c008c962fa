import createClient, { type Client } from 'openapi-fetch';
import { noteServerTime } from '../model/clock';
import type { paths } from './types';

/** The typed client of the library's routes, generated from their OpenAPI document. */
export type HealthClient = Client<paths>;

/** How the API is reached. */
export interface ClientOptions {
  /** The scheme, host and prefix before `/api/v1`; this page's own origin where absent. */
  baseUrl?: string | undefined;
  /** The bearer token of the moment, or `null`. Asked before each request. */
  token: () => string | null;
  /** Called when the server answers 401: the session is over. */
  onUnauthorized?: (() => void) | undefined;
}

/**
 * A `fetch` that carries the token in a header, notes the server's clock, and reports the end of the
 * session. `fetch` itself is looked up at each call, so that tests can stand in for it.
 */
export function authorizedFetch(options: ClientOptions): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init);
    const token = options.token();
    if (token !== null) request.headers.set('Authorization', `Bearer ${token}`);
    const response = await globalThis.fetch(request);
    noteServerTime(response.headers.get('Date'));
    if (response.status === 401) options.onUnauthorized?.();
    return response;
  };
}

/** A client of the paths of any OpenAPI document, with the same manners. */
export function createApiClient<Paths extends object>(options: ClientOptions): Client<Paths> {
  return createClient<Paths>({
    baseUrl: options.baseUrl ?? globalThis.location.origin,
    fetch: authorizedFetch(options),
    // Lists stand in one parameter: five hundred ids would make too long an address otherwise.
    querySerializer: { array: { style: 'form', explode: false } },
  });
}
