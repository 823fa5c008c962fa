import { formatShort, plainReasons, type ExplanationGroup } from '../health';
import type { Host, Job, JobHost, HostJobStatus, JobStatus, Rollout } from './api/types';

/** How a state is coloured where it is shown; the word is always there as well. */
export type Tone = 'success' | 'error' | 'warning' | 'info' | 'default';

export const JOB_STATUS: Readonly<Record<JobStatus, { word: string; tone: Tone }>> = {
  queued: { word: 'Queued', tone: 'default' },
  running: { word: 'Running', tone: 'info' },
  succeeded: { word: 'Succeeded', tone: 'success' },
  failed: { word: 'Failed', tone: 'error' },
  cancelled: { word: 'Cancelled', tone: 'default' },
};

export const JOB_HOST_STATUS: Readonly<Record<HostJobStatus, { word: string; tone: Tone }>> = {
  queued: { word: 'Queued', tone: 'default' },
  waiting_for_window: { word: 'Waiting for window', tone: 'warning' },
  waiting_health_check: { word: 'Waiting for checks', tone: 'warning' },
  waiting_for_slot: { word: 'Waiting for its turn', tone: 'warning' },
  patching: { word: 'Patching', tone: 'info' },
  verifying: { word: 'Verifying', tone: 'info' },
  unverified: { word: 'Not verified', tone: 'error' },
  succeeded: { word: 'Succeeded', tone: 'success' },
  failed: { word: 'Failed', tone: 'error' },
  cancelled: { word: 'Cancelled', tone: 'default' },
};

export const ROLLOUT_STATE: Readonly<Record<Rollout['state'], { word: string; tone: Tone }>> = {
  running: { word: 'Running', tone: 'info' },
  halted: { word: 'Halted', tone: 'error' },
  done: { word: 'Done', tone: 'success' },
};

const ORDER: readonly HostJobStatus[] = [
  'failed',
  'unverified',
  'waiting_health_check',
  'waiting_for_slot',
  'waiting_for_window',
  'patching',
  'verifying',
  'queued',
  'cancelled',
  'succeeded',
];

/** How many hosts of a job are in which state: what needs a person comes first. */
export function countByStatus(job: Pick<Job, 'counts'>): [HostJobStatus, number][] {
  return ORDER.map((status): [HostJobStatus, number] => [status, job.counts[status] ?? 0]).filter(
    ([, number]) => number > 0,
  );
}

/** What comes first in a list of a job's hosts. */
export function byUrgency(a: JobHost, b: JobHost): number {
  return ORDER.indexOf(a.status) - ORDER.indexOf(b.status);
}

/** "2 waiting for checks, 1 succeeded" */
export function jobSentence(job: Pick<Job, 'counts'>): string {
  return countByStatus(job)
    .map(([status, number]) => `${number} ${JOB_HOST_STATUS[status].word.toLowerCase()}`)
    .join(', ');
}

/** A job's short name: what people read out to each other. */
export function shortId(id: string): string {
  return id.slice(-8);
}

/** "web, db" or what stands for none. */
export function groupWords(host: Pick<Host, 'groups'>): string {
  return host.groups.length === 0 ? 'no group' : host.groups.join(', ');
}

/** What lets waiting hosts go ahead, and when the first of them can if that happens now. */
export function clearsWords({
  clears,
  earliest_pass_at,
  who,
}: Pick<ExplanationGroup, 'clears' | 'earliest_pass_at' | 'who'>) {
  // Time alone clears it: then both instants say the same.
  const at = /^the time: it is (\S+Z)$/.exec(clears)?.[1];
  if (at !== undefined && earliest_pass_at !== null) return `Clears by itself, at ${formatShort(at)}.`;
  // How long another job takes is not known.
  if (who === 'other_job' && earliest_pass_at === null) return `Clears when ${clears}.`;
  const earliest =
    earliest_pass_at === null
      ? 'Too late: no host has enough time left.'
      : `Earliest start after that: ${formatShort(earliest_pass_at)}.`;
  return `Clears when ${clears}. ${earliest}`;
}

/** The cause of a group of waiting hosts: codes in words, instants in the reader's time, jobs by their short names. */
export function causeWords({ detail }: Pick<ExplanationGroup, 'detail'>): string {
  return plainReasons(detail)
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (instant) => formatShort(instant))
    .replace(/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/g, shortId);
}
