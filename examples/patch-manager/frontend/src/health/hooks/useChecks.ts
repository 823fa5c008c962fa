import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { unwrap } from '../api/problem';
import type { CheckChange, CheckResult, HealthCheck, NewCheck } from '../api/types';
import { useHealthClient, useRefetchInterval } from './context';
import { healthKeys } from './keys';

/** A host's checks with their latest results, in the order of their names. */
export function useHealthChecks(hostId: string) {
  const client = useHealthClient();
  return useQuery({
    queryKey: healthKeys.checks(hostId),
    queryFn: async ({ signal }) => {
      const list = await unwrap(
        client.GET('/api/v1/hosts/{host_id}/health-checks', {
          params: { path: { host_id: hostId } },
          signal,
        }),
      );
      return list.checks.toSorted((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
    },
    refetchInterval: useRefetchInterval(),
  });
}

/** What {@link useSaveCheck} is called with: a new check, or what is to change of a stored one. */
export type SaveCheck = { check: null; body: NewCheck } | { check: HealthCheck; body: CheckChange };

/** Creates a check, or changes one under the revision that was read (412 where it has moved on). */
export function useSaveCheck(hostId: string) {
  const client = useHealthClient();
  const refresh = useRefreshHost(hostId);
  return useMutation({
    mutationFn: (save: SaveCheck): Promise<HealthCheck> =>
      save.check === null
        ? unwrap(
            client.POST('/api/v1/hosts/{host_id}/health-checks', {
              params: { path: { host_id: hostId } },
              body: save.body,
            }),
          )
        : unwrap(
            client.PUT('/api/v1/hosts/{host_id}/health-checks/{check_id}', {
              params: {
                path: { host_id: hostId, check_id: save.check.id },
                header: { 'If-Match': `"${save.check.revision}"` },
              },
              body: save.body,
            }),
          ),
    onSettled: refresh,
  });
}

/** Deletes a check. */
export function useDeleteCheck(hostId: string) {
  const client = useHealthClient();
  const refresh = useRefreshHost(hostId);
  return useMutation({
    mutationFn: (check: HealthCheck) =>
      unwrap(
        client.DELETE('/api/v1/hosts/{host_id}/health-checks/{check_id}', {
          params: { path: { host_id: hostId, check_id: check.id } },
        }),
      ),
    onSettled: refresh,
  });
}

/**
 * What {@link useTestCheck} is called with: a definition that is not saved, or a stored check with what
 * is to differ from it. The signal gives the wait up; the server's run ends by itself.
 */
export type TestCheck = { signal?: AbortSignal } & (
  { check: null; body: NewCheck } | { check: HealthCheck; body?: CheckChange }
);

/** Runs a check now. The result is shown and goes into no history. */
export function useTestCheck(hostId: string) {
  const client = useHealthClient();
  return useMutation({
    mutationFn: (test: TestCheck): Promise<CheckResult> =>
      test.check === null
        ? unwrap(
            client.POST('/api/v1/hosts/{host_id}/health-checks/test', {
              params: { path: { host_id: hostId } },
              body: test.body,
              signal: test.signal,
            }),
          )
        : unwrap(
            client.POST('/api/v1/hosts/{host_id}/health-checks/{check_id}/test', {
              params: { path: { host_id: hostId, check_id: test.check.id } },
              body: test.body ?? {},
              signal: test.signal,
            }),
          ),
  });
}

function useRefreshHost(hostId: string): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await Promise.all([
      queries.invalidateQueries({ queryKey: healthKeys.checks(hostId) }),
      queries.invalidateQueries({ queryKey: healthKeys.summaries }),
      queries.invalidateQueries({ queryKey: healthKeys.previews }),
    ]);
  };
}
