import { createContext, useContext, useEffect, useRef, useSyncExternalStore } from 'react';
import type { HealthClient } from '../api/client';
import type { EventStream, HealthEvent, LiveState } from '../api/events';

/** What the provider hands down. */
export interface HealthgateValue {
  client: HealthClient;
  events: EventStream;
}

export const HealthgateContext = createContext<HealthgateValue | null>(null);

function useHealthgate(): HealthgateValue {
  const value = useContext(HealthgateContext);
  if (value === null) throw new Error('this needs a HealthgateProvider around it');
  return value;
}

/** The typed API client. */
export function useHealthClient(): HealthClient {
  return useHealthgate().client;
}

/** The event stream itself, to try again at once. */
export function useEventStream(): EventStream {
  return useHealthgate().events;
}

/** Whether what is shown follows the server. */
export function useLiveState(): LiveState {
  const { events } = useHealthgate();
  return useSyncExternalStore(events.onState, events.getState);
}

/** Calls `listener` for each event, for an application's own pages. */
export function useHealthEvents(listener: (event: HealthEvent) => void): void {
  const { events } = useHealthgate();
  const current = useRef(listener);
  useEffect(() => {
    current.current = listener;
  });
  useEffect(() => events.onEvent((event) => current.current(event)), [events]);
}

/**
 * How often to ask again: seldom while the event stream stands, more often while it does not. Pass it
 * as a query's `refetchInterval`.
 */
export function useRefetchInterval(): number {
  return useLiveState() === 'live' ? 120_000 : 15_000;
}
