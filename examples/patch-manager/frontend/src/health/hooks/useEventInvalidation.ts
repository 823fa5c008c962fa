import type { QueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { EventStream, HealthEvent } from '../api/events';
import { healthKeys } from './keys';

/** Events that come together are answered together: a large fleet tells of many a second. */
const GATHER_MS = 250;

/** Voids what an event has made stale, so that what is on the screen is asked for again. */
export function useEventInvalidation(events: EventStream, queries: QueryClient): void {
  useEffect(() => {
    const gathered: HealthEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      timer = undefined;
      for (const queryKey of staleKeys(gathered.splice(0))) {
        void queries.invalidateQueries({ queryKey });
      }
    };
    const unsubscribe = events.onEvent((event) => {
      gathered.push(event);
      timer ??= setTimeout(flush, GATHER_MS);
    });
    return () => {
      unsubscribe();
      clearTimeout(timer);
    };
  }, [events, queries]);
}

/** The keys that a number of events make stale, each once. */
export function staleKeys(events: readonly HealthEvent[]): (readonly string[])[] {
  if (events.some((event) => event.type === 'resync')) return [healthKeys.all];
  const keys = new Map<string, readonly string[]>();
  const add = (key: readonly string[]) => keys.set(key.join(' '), key);
  for (const event of events) {
    if (event.type === 'check_status') {
      add(healthKeys.checks(event.host_id));
      add(healthKeys.history(event.host_id, event.check_id));
      add(healthKeys.summaries);
      add(healthKeys.previews);
    } else if (event.type === 'gate') {
      add(healthKeys.gates(event.job_id));
    }
  }
  return [...keys.values()];
}
