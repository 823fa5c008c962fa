import { useMutation, useQueryClient } from '@tanstack/react-query';
import { unwrap } from '../api/problem';
import type { CopyResult } from '../api/types';
import { useHealthClient } from './context';
import { healthKeys } from './keys';

/** The most hosts of one request. */
const HOSTS_AT_ONCE = 100;

/** Copies checks of a host to others, a hundred hosts at a time; the answer says what became of each copy. */
export function useCopyChecks(hostId: string) {
  const client = useHealthClient();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({
      checkIds,
      hostIds,
    }: {
      checkIds: readonly string[];
      hostIds: readonly string[];
    }) => {
      const results: CopyResult[] = [];
      for (let start = 0; start < hostIds.length; start += HOSTS_AT_ONCE) {
        const host_ids = hostIds.slice(start, start + HOSTS_AT_ONCE);
        const part = await unwrap(
          client.POST('/api/v1/hosts/{host_id}/health-checks/copy', {
            params: { path: { host_id: hostId } },
            body: { check_ids: [...checkIds], host_ids },
          }),
        );
        results.push(...part.results);
      }
      return results;
    },
    onSettled: () => queries.invalidateQueries({ queryKey: healthKeys.all }),
  });
}
