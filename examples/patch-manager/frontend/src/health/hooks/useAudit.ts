import { useInfiniteQuery } from '@tanstack/react-query';
import { unwrap } from '../api/problem';
import { useHealthClient } from './context';
import { healthKeys } from './keys';

/** The audit log, newest first, page by page; of one host where one is named. */
export function useAudit(filter: { hostId?: string | undefined } = {}) {
  const client = useHealthClient();
  return useInfiniteQuery({
    queryKey: healthKeys.audit(filter),
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        client.GET('/api/v1/health-checks/audit', {
          params: {
            query: {
              limit: 50,
              ...(filter.hostId !== undefined && { host_ids: [filter.hostId] }),
              ...(pageParam !== undefined && { cursor: pageParam }),
            },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}
