import { useQuery, useQueryClient } from '@tanstack/react-query';
import { unwrap } from '../api/problem';
import type { HistoryResult } from '../api/types';
import { serverNow } from '../model/clock';
import { toMillis } from '../model/time';
import { useHealthClient } from './context';
import { healthKeys } from './keys';

/** How long results are kept (spec 3.5). */
export const RETENTION_MS = 4 * 24 * 60 * 60 * 1_000;
/** Pages of 200 asked for in one go; four days at five minutes are six of them. */
const MAXIMUM_PAGES = 8;

/** What is known of a check's past. */
export interface CheckHistory {
  /** Newest first. */
  results: HistoryResult[];
  /** Before this instant (milliseconds) nothing was asked for; `null` where all of it is here. */
  cutOff: number | null;
}

/**
 * A check's results over the retention. Once it is here, only what is newer is asked for: an event
 * costs one request.
 */
export function useCheckHistory(hostId: string, checkId: string, enabled = true) {
  const client = useHealthClient();
  const queries = useQueryClient();
  const queryKey = healthKeys.history(hostId, checkId);
  return useQuery({
    queryKey,
    enabled,
    staleTime: 30_000,
    queryFn: async ({ signal }): Promise<CheckHistory> => {
      const known = queries.getQueryData<CheckHistory>(queryKey);
      const from = serverNow() - RETENTION_MS;
      const newest = known?.results[0]?.checked_at;
      const fresh: HistoryResult[] = [];
      let cursor: string | undefined;
      for (let page = 0; page < MAXIMUM_PAGES; page += 1) {
        const answer = await unwrap(
          client.GET('/api/v1/hosts/{host_id}/health-checks/{check_id}/results', {
            params: {
              path: { host_id: hostId, check_id: checkId },
              query: { limit: 200, ...(cursor !== undefined && { cursor }) },
            },
            signal,
          }),
        );
        fresh.push(...answer.results);
        const oldest = answer.results.at(-1)?.checked_at;
        if (newest !== undefined && oldest !== undefined && oldest <= newest) {
          return merge(fresh, known, from);
        }
        if (answer.next_cursor == null || oldest === undefined || toMillis(oldest) < from) {
          return { results: within(fresh, from), cutOff: null };
        }
        cursor = answer.next_cursor;
      }
      const last = fresh.at(-1);
      return { results: fresh, cutOff: last === undefined ? null : toMillis(last.checked_at) };
    },
  });
}

function merge(fresh: HistoryResult[], known: CheckHistory | undefined, from: number): CheckHistory {
  const oldest = fresh.at(-1)?.checked_at ?? '';
  const older = (known?.results ?? []).filter((result) => result.checked_at < oldest);
  return { results: within([...fresh, ...older], from), cutOff: known?.cutOff ?? null };
}

function within(results: HistoryResult[], from: number): HistoryResult[] {
  return results.filter((result) => toMillis(result.checked_at) >= from);
}
