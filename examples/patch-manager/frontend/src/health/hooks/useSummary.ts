import { useQuery } from '@tanstack/react-query';
import { unwrap } from '../api/problem';
import { useHealthClient, useRefetchInterval } from './context';
import { healthKeys } from './keys';

/** The health of up to 500 hosts at once, by id; hosts that the caller may not see are missing. */
export function useHealthSummary(hostIds: readonly string[]) {
  const client = useHealthClient();
  return useQuery({
    queryKey: healthKeys.summary(hostIds),
    enabled: hostIds.length > 0,
    queryFn: async ({ signal }) => {
      const answer = await unwrap(
        client.GET('/api/v1/health-checks/summary', {
          params: { query: { host_ids: [...hostIds] } },
          signal,
        }),
      );
      return new Map(answer.hosts.map((host) => [host.host_id, host]));
    },
    refetchInterval: useRefetchInterval(),
  });
}
