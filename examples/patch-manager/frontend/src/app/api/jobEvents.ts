import type { HealthEvent } from '../../health';
import type { HostJobStatus, Job, JobHost } from './types';

type GateEvent = Extract<HealthEvent, { type: 'gate' }>;

/** The job as an event of one of its gates leaves it, until it is read again. Another job's event changes nothing. */
export function withEvent(job: Job, event: GateEvent): Job {
  const index = job.hosts?.findIndex((host) => host.host_id === event.host_id) ?? -1;
  const host = job.hosts?.[index];
  if (job.hosts == null || host?.gate == null) return job;
  const { state, kind, next_attempt_at } = event;
  const status = statusAfter(host.status, state);
  const next: JobHost = {
    ...host,
    status,
    // It told of the state before.
    detail: status === host.status ? host.detail : '',
    gate: { ...host.gate, state, kind: kind ?? host.gate.kind, next_attempt_at },
  };
  return { ...job, hosts: job.hosts.with(index, next) };
}

/** What a host that waits goes on to. Of one that has gone ahead an event says no more than that. */
function statusAfter(status: HostJobStatus, state: GateEvent['state']): HostJobStatus {
  if (!status.startsWith('waiting_')) return status;
  switch (state) {
    case 'waiting':
      return status;
    case 'passed':
      return 'waiting_for_slot';
    case 'spent':
      return 'patching';
    case 'failed':
    case 'cancelled':
      return state;
  }
}
