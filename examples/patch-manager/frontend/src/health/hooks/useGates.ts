import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { unwrap } from '../api/problem';
import type { Gate, GateList, HostPreview, OverrideRequest, TimeRange } from '../api/types';
import { useHealthClient, useRefetchInterval } from './context';
import { healthKeys } from './keys';

/** The most gates of one page. */
const GATES_BLOCK = 200;

/** Every gate of a job with its attempts, page by page. */
export function useJobGates(jobId: string) {
  const client = useHealthClient();
  return useQuery({
    queryKey: healthKeys.gates(jobId),
    queryFn: async ({ signal }) => {
      const gates: Gate[] = [];
      let cursor: string | null = null;
      do {
        const query: { limit: number; cursor?: string } = {
          limit: GATES_BLOCK,
          ...(cursor !== null && { cursor }),
        };
        const page: GateList = await unwrap(
          client.GET('/api/v1/jobs/{job_id}/gates', { params: { path: { job_id: jobId }, query }, signal }),
        );
        gates.push(...page.gates);
        cursor = page.next_cursor ?? null;
      } while (cursor !== null);
      return gates;
    },
    refetchInterval: useRefetchInterval(),
  });
}

/** What the hosts of a job wait for, grouped by that. */
export function useJobExplanation(jobId: string) {
  const client = useHealthClient();
  return useQuery({
    queryKey: healthKeys.explanation(jobId),
    queryFn: ({ signal }) =>
      unwrap(client.GET('/api/v1/jobs/{job_id}/explain', { params: { path: { job_id: jobId } }, signal })),
    refetchInterval: useRefetchInterval(),
  });
}

/** The most hosts that one preview is asked for. */
const PREVIEW_BLOCK = 100;

/** What the gate would say of these hosts now. Nothing is run or written by asking. */
export function useGatePreview(hostIds: readonly string[], window?: TimeRange) {
  const client = useHealthClient();
  return useQuery({
    queryKey: healthKeys.preview(hostIds, window),
    enabled: hostIds.length > 0,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }): Promise<HostPreview[]> => {
      const previews: HostPreview[] = [];
      for (let start = 0; start < hostIds.length; start += PREVIEW_BLOCK) {
        const host_ids = hostIds.slice(start, start + PREVIEW_BLOCK);
        const answer = await unwrap(
          client.POST('/api/v1/gates/preview', {
            body: { host_ids, ...(window !== undefined && { window }) },
            signal,
          }),
        );
        previews.push(...answer.hosts);
      }
      return previews;
    },
  });
}

/** Lets named failing checks pass for one job and host, or takes that back. */
export function useOverride(jobId: string, hostId: string) {
  const client = useHealthClient();
  const queries = useQueryClient();
  const params = { path: { job_id: jobId, host_id: hostId } };
  const onSettled = () => queries.invalidateQueries({ queryKey: healthKeys.gates(jobId) });
  const give = useMutation({
    mutationFn: (body: OverrideRequest) =>
      unwrap(client.POST('/api/v1/jobs/{job_id}/hosts/{host_id}/override', { params, body })),
    onSettled,
  });
  const takeBack = useMutation({
    mutationFn: () => unwrap(client.DELETE('/api/v1/jobs/{job_id}/hosts/{host_id}/override', { params })),
    onSettled,
  });
  return { give, takeBack };
}
