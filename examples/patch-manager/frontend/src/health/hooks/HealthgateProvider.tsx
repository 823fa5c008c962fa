import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo, type ReactNode } from 'react';
import { authorizedFetch, createApiClient, type ClientOptions } from '../api/client';
import { EventStream } from '../api/events';
import type { paths } from '../api/types';
import { HealthgateContext, type HealthgateValue } from './context';
import { useEventInvalidation } from './useEventInvalidation';

/** Properties of {@link HealthgateProvider}. */
export interface HealthgateProviderProps extends ClientOptions {
  /** The page. It must stand inside a react-query `QueryClientProvider`. */
  children: ReactNode;
  /** Follow the event stream. Without it, answers are only asked for again now and then. */
  live?: boolean;
}

/**
 * Gives the hooks and components of this folder their API client, and keeps what they show up to date
 * by the event stream. One of it stands around a whole application. Give it the same `token` and
 * `onUnauthorized` functions at each render: with new ones it connects anew.
 */
export function HealthgateProvider({
  children,
  baseUrl,
  token,
  onUnauthorized,
  live = true,
}: HealthgateProviderProps) {
  const value = useMemo<HealthgateValue>(() => {
    const options: ClientOptions = { baseUrl, token, onUnauthorized };
    return {
      client: createApiClient<paths>(options),
      events: new EventStream({
        url: `${baseUrl ?? globalThis.location.origin}/api/v1/events`,
        fetch: authorizedFetch(options),
      }),
    };
  }, [baseUrl, token, onUnauthorized]);

  const queries = useQueryClient();
  useEffect(() => (live ? value.events.start() : undefined), [live, value]);
  useEventInvalidation(value.events, queries);

  return <HealthgateContext.Provider value={value}>{children}</HealthgateContext.Provider>;
}
