import { useInfiniteQuery, useMutation } from '@tanstack/react-query';
import { unwrap } from '../api/problem';
import type { AuditAction, AuditOutcome } from '../api/types';
import { useHealthClient } from './context';
import { healthKeys } from './keys';

/** Which records are wanted: those that meet all of it. */
export interface AuditFilter {
  hostId?: string | undefined;
  /** The user of exactly this name. */
  actor?: string | undefined;
  /** One of these. */
  actions?: readonly AuditAction[] | undefined;
  outcome?: AuditOutcome | undefined;
  /** Written at this instant or later, and before the other one. */
  from?: string | undefined;
  until?: string | undefined;
}

/** The records of one page. */
const PAGE = 50;
/** How often the first page is read again. */
const LIVE_MS = 5_000;

function queryOf({ hostId, actor, actions, outcome, from, until }: AuditFilter) {
  return {
    ...(hostId !== undefined && { host_ids: [hostId] }),
    ...(actor !== undefined && { actor }),
    ...(actions !== undefined && actions.length > 0 && { action: [...actions] }),
    ...(outcome !== undefined && { outcome }),
    ...(from !== undefined && { from }),
    ...(until !== undefined && { until }),
  };
}

/**
 * The audit log, newest first, page by page. While nothing but the first page is shown, new records appear in it by
 * themselves; whoever reads further down is left alone.
 */
export function useAudit(filter: AuditFilter = {}) {
  const client = useHealthClient();
  return useInfiniteQuery({
    queryKey: healthKeys.audit(filter),
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        client.GET('/api/v1/health-checks/audit', {
          params: {
            query: {
              limit: PAGE,
              ...queryOf(filter),
              ...(pageParam !== undefined && { cursor: pageParam }),
            },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 1 ? false : LIVE_MS),
  });
}

/** Reads the whole log of a filter as a file. */
export function useAuditExport(filter: AuditFilter) {
  const client = useHealthClient();
  return useMutation({
    mutationFn: async (format: 'csv' | 'jsonl'): Promise<Blob> => {
      const file: unknown = await unwrap(
        client.GET('/api/v1/health-checks/audit/export', {
          params: { query: { format, ...queryOf(filter) } },
          parseAs: 'blob',
        }),
      );
      return file as Blob;
    },
  });
}
