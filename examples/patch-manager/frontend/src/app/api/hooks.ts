import {
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query';
import {
  healthKeys,
  unwrap,
  useHealthEvents,
  useLiveState,
  useRefetchInterval,
  type HostSearch,
  type HostStatus,
} from '../../health';
import { useEffect, useRef } from 'react';
import { api } from './client';
import { withEvent } from './jobEvents';
import { appKeys } from './keys';
import type { Host, HostList, HostOutcomeList, Job, JobRequest, WindowRequest } from './types';

/** Who is signed in, and what they may do. */
export function useMe() {
  return useQuery({
    queryKey: appKeys.me,
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/me', { signal })),
    staleTime: 60_000,
  });
}

/** What the signed-in user may do. The server decides; this hides what would be refused. */
export function useRights() {
  const role = useMe().data?.role;
  return {
    canEdit: role === 'admin' || role === 'operator',
    canOverride: role === 'admin',
    canAudit: role === 'admin' || role === 'operator',
  };
}

/** What is asked of the host list; all of it is the server's work. */
export interface HostFilter {
  q: string;
  status: HostStatus | '';
  /** Members of this group alone; all where it is empty. */
  group?: string;
  /** Hosts with a check that fails for this reason alone. */
  reason?: string;
  sort: 'name' | 'status';
  cursor?: string | undefined;
  limit?: number;
}

/** Which hosts are meant, whatever their order and page. */
export type HostChoice = Pick<HostFilter, 'q' | 'status' | 'group' | 'reason'>;

function queryOf({ q, status, group = '', reason = '' }: HostChoice) {
  return {
    ...(q !== '' && { q }),
    ...(status !== '' && { status }),
    ...(group !== '' && { group }),
    ...(reason !== '' && { reason }),
  };
}

/** How many hosts there are of each kind: what the filters of a list would leave. */
export function useHostTotals(filter: HostChoice) {
  return useQuery({
    queryKey: appKeys.hostTotals(filter),
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/v1/host-totals', { params: { query: queryOf(filter) }, signal })),
    refetchInterval: useRefetchInterval(),
  });
}

/** One page of hosts. */
export function useHosts(filter: HostFilter) {
  return useQuery({
    queryKey: appKeys.hostPage(filter),
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/hosts', {
          params: {
            query: {
              limit: filter.limit ?? 50,
              sort: filter.sort,
              ...queryOf(filter),
              ...(filter.cursor !== undefined && { cursor: filter.cursor }),
            },
          },
          signal,
        }),
      ),
    refetchInterval: useRefetchInterval(),
  });
}

/** The most hosts of one page. */
const HOSTS_PAGE = 200;

/** Every host that a filter leaves, page by page, at most `most`. */
export async function allHosts(filter: HostChoice, most: number): Promise<Host[]> {
  const found: Host[] = [];
  let cursor: string | null = null;
  do {
    const query = {
      limit: HOSTS_PAGE,
      ...queryOf(filter),
      ...(cursor !== null && { cursor }),
    };
    const page: HostList = await unwrap(api.GET('/api/v1/hosts', { params: { query } }));
    found.push(...page.hosts);
    cursor = page.next_cursor ?? null;
  } while (cursor !== null && found.length < most);
  return found.slice(0, most);
}

/** The hosts of these ids; those that are known from before are not asked for again. */
export function useHostsOf(ids: readonly string[], known: ReadonlyMap<string, Host>) {
  const missing = ids.filter((id) => !known.has(id)).sort();
  return useQuery({
    queryKey: [...appKeys.chosenHosts, missing],
    enabled: missing.length > 0,
    staleTime: 300_000,
    queryFn: async ({ signal }): Promise<Host[]> => {
      const found: Host[] = [];
      for (let start = 0; start < missing.length; start += HOSTS_PAGE) {
        const query = { ids: missing.slice(start, start + HOSTS_PAGE) };
        found.push(...(await unwrap(api.GET('/api/v1/hosts', { params: { query }, signal }))).hosts);
      }
      return found;
    },
  });
}

/** One host. */
export function useHost(id: string) {
  return useQuery({
    queryKey: appKeys.host(id),
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/v1/hosts/{host_id}', { params: { path: { host_id: id } }, signal })),
    refetchInterval: useRefetchInterval(),
  });
}

/** The most hosts that are asked for in one go. */
const NAMES_AT_ONCE = 200;

/**
 * The names of hosts, two hundred for a request; an id's beginning where the name is not known, of a host
 * that is gone for instance. Names that are known are not asked for again.
 */
export function useHostNames(ids: readonly string[]): (id: string) => string {
  const queries = useQueryClient();
  const wanted = [...new Set(ids)].sort();
  const names = useQuery({
    queryKey: appKeys.hostNames(wanted),
    enabled: wanted.length > 0,
    staleTime: 300_000,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }): Promise<ReadonlyMap<string, string>> => {
      const earlier = queries.getQueriesData<ReadonlyMap<string, string>>({ queryKey: appKeys.allHostNames });
      const known = new Map(earlier.flatMap(([, found]) => [...(found ?? [])]));
      const missing = wanted.filter((id) => !known.has(id));
      for (let start = 0; start < missing.length; start += NAMES_AT_ONCE) {
        const query = { ids: missing.slice(start, start + NAMES_AT_ONCE) };
        const page = await unwrap(api.GET('/api/v1/hosts', { params: { query }, signal }));
        for (const host of page.hosts) known.set(host.id, host.name);
      }
      return known;
    },
  });
  return (id) => names.data?.get(id) ?? (names.isPending ? '…' : `host ${id.slice(0, 8)}`);
}

/** The figures of the configuration that pages go by. */
export function useSettings() {
  return useQuery({
    queryKey: appKeys.settings,
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/settings', { signal })),
    staleTime: Infinity,
  });
}

/** When nothing starts: what is frozen now, and what lies ahead. */
export function useFreezes() {
  return useQuery({
    queryKey: appKeys.freezes,
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/freezes', { signal })),
    refetchInterval: 60_000,
  });
}

/** The groups that the user may see, and how many members of each may be unavailable. */
export function useGroups() {
  return useQuery({
    queryKey: appKeys.groups,
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/groups', { signal })),
    refetchInterval: 60_000,
  });
}

/** Finds hosts for a picker. */
export const hostSearch: HostSearch = {
  byName: async (text, signal) => {
    const query = { limit: 30, sort: 'name' as const, ...(text !== '' && { q: text }) };
    const page = await unwrap(api.GET('/api/v1/hosts', { params: { query }, signal }));
    return page.hosts;
  },
  byId: async (id, signal) => {
    try {
      return await unwrap(api.GET('/api/v1/hosts/{host_id}', { params: { path: { host_id: id } }, signal }));
    } catch {
      return null;
    }
  },
};

/** Pauses a host for a reason, which is a condition of the application's own; `null` lets it go on. */
export function usePause(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (reason: string | null) =>
      unwrap(
        api.PUT('/api/v1/hosts/{host_id}/paused', {
          params: { path: { host_id: id } },
          body: reason === null ? { paused: false } : { paused: true, reason },
        }),
      ),
    onSettled: async () => {
      await queries.invalidateQueries({ queryKey: appKeys.hosts });
      await queries.invalidateQueries({ queryKey: healthKeys.previews });
    },
  });
}

/** One page of jobs, newest first. */
export function useJobs(cursor: string | undefined) {
  return useQuery({
    queryKey: appKeys.jobPage(cursor),
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/jobs', {
          params: { query: { limit: 25, ...(cursor !== undefined && { cursor }) } },
          signal,
        }),
      ),
    refetchInterval: useRefetchInterval(),
  });
}

/**
 * One job. Every step of it is told as an event of its gate: what the event says is shown at once, and the rest is
 * read soon after, the less often the more hosts there are. It is read now and then in any case, as what a person
 * waits for must not hang on one event.
 */
export function useJob(id: string) {
  const live = useLiveState() === 'live';
  const queries = useQueryClient();
  const queryKey = appKeys.job(id);
  const job = useQuery({
    queryKey,
    queryFn: ({ signal }): Promise<Job> =>
      unwrap(api.GET('/api/v1/jobs/{job_id}', { params: { path: { job_id: id } }, signal })),
    refetchInterval: ({ state }) =>
      state.data === undefined || isJobOver(state.data.status)
        ? 60_000
        : Math.max(live ? 20_000 : 4_000, readGap(state.data)),
  });
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), [id]);
  useHealthEvents((event) => {
    if (event.type !== 'gate' || event.job_id !== id) return;
    queries.setQueryData<Job>(queryKey, (known) => known && withEvent(known, event));
    if (timer.current !== undefined) return;
    const state = queries.getQueryState<Job>(queryKey);
    const due = (state?.dataUpdatedAt ?? 0) + (state?.data === undefined ? 0 : readGap(state.data));
    timer.current = setTimeout(
      () => {
        timer.current = undefined;
        void queries.invalidateQueries({ queryKey });
      },
      Math.max(EVENTS_GATHERED_MS, due - Date.now()),
    );
  });
  return job;
}

/** Events that come together are answered by one read. */
const EVENTS_GATHERED_MS = 1_500;

/** The least time between two reads of a job: ten seconds for a thousand hosts. */
function readGap(job: Job): number {
  return Math.min(job.host_count * 10, 60_000);
}

/** A job on one host, with every attempt of its gate. */
export function useJobHost(jobId: string, hostId: string) {
  const queries = useQueryClient();
  const queryKey = appKeys.jobHost(jobId, hostId);
  useHealthEvents((event) => {
    if (event.type === 'gate' && event.job_id === jobId && event.host_id === hostId) {
      void queries.invalidateQueries({ queryKey });
    }
  });
  return useQuery({
    queryKey,
    queryFn: ({ signal }) =>
      unwrap(
        api.GET('/api/v1/jobs/{job_id}/hosts/{host_id}', {
          params: { path: { job_id: jobId, host_id: hostId } },
          signal,
        }),
      ),
    refetchInterval: useRefetchInterval(),
  });
}

/** Whether nothing will change any more. */
export function isJobOver(status: string): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}

/** Submits a job. */
export function useCreateJob() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: JobRequest) => unwrap(api.POST('/api/v1/jobs', { body })),
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries({ queryKey: appKeys.jobs }),
        queries.invalidateQueries({ queryKey: appKeys.unfinishedJobs }),
      ]),
  });
}

/** Cancels a job. */
export function useCancelJob(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => unwrap(api.POST('/api/v1/jobs/{job_id}/cancel', { params: { path: { job_id: id } } })),
    onSettled: async () => {
      await queries.invalidateQueries({ queryKey: appKeys.jobs });
      await queries.invalidateQueries({ queryKey: appKeys.unfinishedJobs });
      await queries.invalidateQueries({ queryKey: healthKeys.gates(id) });
    },
  });
}

/** Lets a halted rollout go on, for a reason. */
export function useResumeJob(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (reason: string) =>
      unwrap(
        api.POST('/api/v1/jobs/{job_id}/resume', { params: { path: { job_id: id } }, body: { reason } }),
      ),
    onSettled: async () => {
      await queries.invalidateQueries({ queryKey: appKeys.jobs });
      await queries.invalidateQueries({ queryKey: appKeys.unfinishedJobs });
      await queries.invalidateQueries({ queryKey: healthKeys.gates(id) });
    },
  });
}

/** The most hosts that one request acts on: enough of them to show how far it has come. */
const ACTED_AT_ONCE = 200;

/** Does one thing to many hosts, some at a time, and gathers what became of each. */
async function onMany(
  ids: readonly string[],
  act: (host_ids: string[]) => Promise<HostOutcomeList>,
): Promise<HostOutcomeList> {
  const all: HostOutcomeList = { hosts: [], done: 0, refused: 0 };
  for (let start = 0; start < ids.length; start += ACTED_AT_ONCE) {
    const part = await act(ids.slice(start, start + ACTED_AT_ONCE));
    all.hosts.push(...part.hosts);
    all.done += part.done;
    all.refused += part.refused;
  }
  return all;
}

/** What can be done to many hosts of a job. */
export type JobBulk =
  | { kind: 'override'; ids: readonly string[]; reason: string }
  | { kind: 'cancel'; ids: readonly string[] }
  | { kind: 'pause'; ids: readonly string[]; reason: string }
  | { kind: 'resume'; ids: readonly string[] };

/** Does it; each host is decided and recorded by itself. */
export function useBulk(jobId?: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (bulk: JobBulk) => {
      const params = { path: { job_id: jobId ?? '' } };
      switch (bulk.kind) {
        case 'override':
          return onMany(bulk.ids, (host_ids) =>
            unwrap(
              api.POST('/api/v1/jobs/{job_id}/override-hosts', {
                params,
                body: { host_ids, reason: bulk.reason },
              }),
            ),
          );
        case 'cancel':
          return onMany(bulk.ids, (host_ids) =>
            unwrap(api.POST('/api/v1/jobs/{job_id}/cancel-hosts', { params, body: { host_ids } })),
          );
        case 'pause':
          return onMany(bulk.ids, (host_ids) =>
            unwrap(api.POST('/api/v1/pauses', { body: { host_ids, paused: true, reason: bulk.reason } })),
          );
        case 'resume':
          return onMany(bulk.ids, (host_ids) =>
            unwrap(api.POST('/api/v1/pauses', { body: { host_ids, paused: false } })),
          );
      }
    },
    onSettled: async () => {
      await queries.invalidateQueries({ queryKey: appKeys.all });
      if (jobId !== undefined) await queries.invalidateQueries({ queryKey: healthKeys.gates(jobId) });
    },
  });
}

/** The jobs that wait for a host or work on it. */
export function useHostJobs(id: string) {
  const queries = useQueryClient();
  const queryKey = appKeys.hostJobs(id);
  useHealthEvents((event) => {
    if (event.type === 'gate' && event.host_id === id) void queries.invalidateQueries({ queryKey });
  });
  return useQuery({
    queryKey,
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/v1/hosts/{host_id}/jobs', { params: { path: { host_id: id } }, signal })),
    refetchInterval: useRefetchInterval(),
  });
}

/** The maintenance windows, page by page. */
export function useWindows() {
  return useInfiniteQuery({
    queryKey: appKeys.windows,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      unwrap(
        api.GET('/api/v1/maintenance-windows', {
          params: { query: { limit: 100, ...(pageParam !== undefined && { cursor: pageParam }) } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor ?? undefined,
  });
}

/** Adds a maintenance window, or changes one. */
export function useSaveWindow() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ id, body }: { id: string | null; body: WindowRequest }) =>
      id === null
        ? unwrap(api.POST('/api/v1/maintenance-windows', { body }))
        : unwrap(
            api.PUT('/api/v1/maintenance-windows/{window_id}', { params: { path: { window_id: id } }, body }),
          ),
    onSettled: () => queries.invalidateQueries({ queryKey: appKeys.all }),
  });
}

/** Deletes a maintenance window. */
export function useDeleteWindow() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.DELETE('/api/v1/maintenance-windows/{window_id}', { params: { path: { window_id: id } } })),
    onSettled: () => queries.invalidateQueries({ queryKey: appKeys.all }),
  });
}
