import { Chip } from '@mui/material';
import { isJobOver } from './api/hooks';
import type { HostJobStatus, Job } from './api/types';
import { JOB_HOST_STATUS, JOB_STATUS, ROLLOUT_STATE, type Tone } from './words';

/** A job's state, as a word on its colour. One whose rollout is halted waits for an administrator. */
export function JobChip({ job }: { job: Pick<Job, 'status' | 'rollout'> }) {
  const halted = !isJobOver(job.status) && job.rollout?.state === 'halted';
  return <ToneChip {...(halted ? ROLLOUT_STATE.halted : JOB_STATUS[job.status])} />;
}

/** A job's state on one host. */
export function JobHostChip({ status }: { status: HostJobStatus }) {
  return <ToneChip {...JOB_HOST_STATUS[status]} />;
}

/** A word on a colour. */
export function ToneChip({ word, tone }: { word: string; tone: Tone }) {
  return <Chip label={word} color={tone} variant={tone === 'default' ? 'outlined' : 'filled'} />;
}
