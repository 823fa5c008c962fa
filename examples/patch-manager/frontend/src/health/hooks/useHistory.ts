import { useQuery, useQueryClient } from '@tanstack/react-query';
import { unwrap } from '../api/problem';
import type { HistoryResult } from '../api/types';
import { serverNow } from '../model/clock';
import { toMillis } from '../model/time';
import { useHealthClient } from './context';
import { healthKeys } from './keys';

/** How long results are kept where the application does not say otherwise: four days. */
export const RETENTION_MS = 4 * 24 * 60 * 60 * 1_000;
/** As many as the API gives at once. */
const PAGE = 200;
/**
 * The most results that are kept here: four days of a run every 30 s, with some room for gates. A check that
 * is run more often is shown as far back as that reaches.
 */
export const MOST_RESULTS = 12_000;

/** What is known of a check's past. */
export interface CheckHistory {
  /** Newest first. */
  results: HistoryResult[];
  /** Before this instant (milliseconds) nothing is known here, or not yet; `null` where all of it is. */
  cutOff: number | null;
  /** The cursor of the next older page, while there is one to ask for. */
  older: string | null;
}

/** How much of a check's past is asked for. */
export interface HistoryOptions {
  enabled?: boolean;
  /** How far back it goes, in milliseconds. */
  retention?: number;
}

/**
 * A check's results over the retention, page by page: what has come is shown while older pages are on their
 * way. Once it is here, only what is newer is asked for: an event costs one request.
 */
export function useCheckHistory(
  hostId: string,
  checkId: string,
  { enabled = true, retention = RETENTION_MS }: HistoryOptions = {},
) {
  const client = useHealthClient();
  const queries = useQueryClient();
  const queryKey = healthKeys.history(hostId, checkId);
  return useQuery({
    queryKey,
    enabled,
    staleTime: 30_000,
    queryFn: async ({ signal }): Promise<CheckHistory> => {
      const from = serverNow() - retention;
      const page: AskPage = async (cursor) => {
        const answer = await unwrap(
          client.GET('/api/v1/hosts/{host_id}/health-checks/{check_id}/results', {
            params: {
              path: { host_id: hostId, check_id: checkId },
              query: { limit: PAGE, ...(cursor !== null && { cursor }) },
            },
            signal,
          }),
        );
        return { results: answer.results, older: answer.next_cursor ?? null };
      };
      const known = queries.getQueryData<CheckHistory>(queryKey);
      let history = trim(known === undefined ? await page(null) : await withNewer(known, page), from);
      // An event may end this run and begin another one, which goes on from what is kept here.
      while (history.older !== null) {
        queries.setQueryData(queryKey, history);
        const next = await page(history.older);
        history = trim({ results: [...history.results, ...next.results], older: next.older }, from);
      }
      return history;
    },
  });
}

interface Pages {
  results: HistoryResult[];
  older: string | null;
  cutOff?: number | null;
}

type AskPage = (cursor: string | null) => Promise<Pages>;

/** What is known, and what has come since. */
async function withNewer(known: CheckHistory, page: AskPage): Promise<Pages> {
  const newest = known.results[0]?.checked_at;
  if (newest === undefined) return page(null);
  const fresh: HistoryResult[] = [];
  let cursor: string | null = null;
  do {
    const next: Pages = await page(cursor);
    fresh.push(...next.results);
    cursor = next.older;
    if ((next.results.at(-1)?.checked_at ?? '') <= newest) {
      const oldest = fresh.at(-1)?.checked_at ?? '';
      const rest = known.results.filter((result) => result.checked_at < oldest);
      return { ...known, results: [...fresh, ...rest] };
    }
  } while (cursor !== null && fresh.length < MOST_RESULTS);
  return { results: fresh, older: cursor };
}

/** No more than the retention, and no more than can be kept. */
function trim({ results, older, cutOff = null }: Pages, from: number): CheckHistory {
  const within = results.filter((result) => toMillis(result.checked_at) >= from);
  const kept = within.slice(0, MOST_RESULTS);
  const last = kept.at(-1);
  if (
    last !== undefined &&
    (within.length > kept.length || (older !== null && kept.length === MOST_RESULTS))
  ) {
    return { results: kept, cutOff: toMillis(last.checked_at), older: null };
  }
  if (within.length < results.length || older === null)
    return { results: kept, cutOff: older === null ? cutOff : null, older: null };
  return { results: kept, cutOff: last === undefined ? null : toMillis(last.checked_at), older };
}
