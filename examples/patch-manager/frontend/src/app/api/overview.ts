import { useQueries, useQuery } from '@tanstack/react-query';
import { healthKeys, unwrap, useHealthClient, useNow, useRefetchInterval } from '../../health';
import { api } from './client';
import { appKeys } from './keys';
import { isJobOver } from './hooks';
import type { HostJobStatus, Job, MaintenanceWindow } from './types';

/** The newest jobs among which unfinished ones are looked for. */
export const JOBS_READ = 100;

/** The unfinished jobs among the newest, newest first. */
export function useUnfinishedJobs() {
  return useQuery({
    queryKey: appKeys.unfinishedJobs,
    queryFn: async ({ signal }) => {
      const query = { limit: JOBS_READ };
      const page = await unwrap(api.GET('/api/v1/jobs', { params: { query }, signal }));
      return page.jobs.filter((job) => !isJobOver(job.status));
    },
    // Every page shows their number: a list of a hundred jobs is not read with each event.
    staleTime: 5_000,
    refetchInterval: 20_000,
  });
}

const WAITING: readonly HostJobStatus[] = [
  'queued',
  'waiting_for_window',
  'waiting_health_check',
  'waiting_for_slot',
];

/** How many hosts of a job wait for something. */
export function waitingHosts(job: Pick<Job, 'counts'>): number {
  return WAITING.reduce((sum, status) => sum + (job.counts[status] ?? 0), 0);
}

/** The jobs of which at least one host waits. */
export function waitingJobs(jobs: readonly Job[]): Job[] {
  return jobs.filter((job) => waitingHosts(job) > 0);
}

/** What the hosts of each of these jobs wait for. */
export function useJobExplanations(jobIds: readonly string[]) {
  const client = useHealthClient();
  const refetchInterval = useRefetchInterval();
  return useQueries({
    queries: jobIds.map((jobId) => ({
      queryKey: healthKeys.explanation(jobId),
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        unwrap(client.GET('/api/v1/jobs/{job_id}/explain', { params: { path: { job_id: jobId } }, signal })),
      refetchInterval,
    })),
  });
}

/** The most pages of windows that are read to find the next ones. */
const WINDOW_PAGES = 20;

/** The enabled windows that are open or will open, the earliest first. */
export function useNextWindows() {
  return useQuery({
    queryKey: appKeys.nextWindows,
    queryFn: async ({ signal }) => {
      const found: MaintenanceWindow[] = [];
      let cursor: string | null = null;
      for (let page = 0; page < WINDOW_PAGES; page += 1) {
        const query: { limit: number; cursor?: string } = { limit: 100, ...(cursor !== null && { cursor }) };
        const read: { windows: MaintenanceWindow[]; next_cursor: string | null } = await unwrap(
          api.GET('/api/v1/maintenance-windows', { params: { query }, signal }),
        );
        found.push(...read.windows);
        cursor = read.next_cursor;
        if (cursor === null) break;
      }
      return found
        .filter((window) => window.enabled && window.occurrence != null)
        .sort((a, b) => opening(a) - opening(b));
    },
    refetchInterval: 60_000,
  });
}

function opening({ occurrence }: MaintenanceWindow): number {
  return occurrence == null ? Infinity : Date.parse(occurrence.opens_at);
}

/** The most audit records of a day that are read. */
export const RECORDS_READ = 200;

/** The audit records since the last midnight of the browser's zone, newest first. */
export function useTodaysRecords(enabled: boolean) {
  const client = useHealthClient();
  const midnight = new Date(useNow()).setHours(0, 0, 0, 0);
  return useQuery({
    queryKey: [...appKeys.today, midnight],
    enabled,
    queryFn: async ({ signal }) => {
      const query = { limit: RECORDS_READ };
      const page = await unwrap(client.GET('/api/v1/health-checks/audit', { params: { query }, signal }));
      return page.records.filter((record) => Date.parse(record.at) >= midnight);
    },
    refetchInterval: 30_000,
  });
}
