import { useSyncExternalStore } from 'react';
import { readSecond, subscribeToSeconds } from '../model/clock';

/** Now by the server's clock, in milliseconds; renders again each second, and all at the same time. */
export function useNow(): number {
  return useSyncExternalStore(subscribeToSeconds, readSecond);
}
