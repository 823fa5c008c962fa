import { Chip } from '@mui/material';
import type { HostJobStatus, JobStatus } from './api/types';
import { JOB_HOST_STATUS, JOB_STATUS, type Tone } from './words';

/** A job's state, as a word on its colour. */
export function JobChip({ status }: { status: JobStatus }) {
  return <ToneChip {...JOB_STATUS[status]} />;
}

/** A job's state on one host. */
export function JobHostChip({ status }: { status: HostJobStatus }) {
  return <ToneChip {...JOB_HOST_STATUS[status]} />;
}

/** A word on a colour. */
export function ToneChip({ word, tone }: { word: string; tone: Tone }) {
  return <Chip label={word} color={tone} variant={tone === 'default' ? 'outlined' : 'filled'} />;
}
