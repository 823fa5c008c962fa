import type { EndReason, GateState, HealthCheck, HostHealth, PassKind } from '../api/types';
import { count } from './time';

/** What a status icon can show: a check's or a host's status, or that a check is switched off. */
export type ShownStatus = 'healthy' | 'unhealthy' | 'unknown' | 'none' | 'disabled';

/** The word beside each icon. */
export const STATUS_WORDS: Readonly<Record<ShownStatus, string>> = {
  healthy: 'Healthy',
  unhealthy: 'Unhealthy',
  unknown: 'Unknown',
  none: 'No checks',
  disabled: 'Disabled',
};

/** What is shown of a check: a disabled one counts nowhere, whatever its last run said. */
export function shownStatus(check: Pick<HealthCheck, 'enabled' | 'status'>): ShownStatus {
  return check.enabled ? check.status : 'disabled';
}

/** A host in a few words: "3/3 healthy", "2 of 5 unhealthy", "1 of 3 unknown", "No checks". */
export function hostWords(health: Omit<HostHealth, 'oldest_checked_at'>): string {
  switch (health.status) {
    case 'none':
      return 'No checks';
    case 'healthy':
      return `${health.healthy}/${health.total} healthy`;
    case 'unhealthy':
      return `${health.unhealthy} of ${health.total} unhealthy`;
    case 'unknown':
      return `${health.unknown} of ${health.total} unknown`;
  }
}

/** The same as a sentence, for screen readers and tooltips. */
export function hostSentence(health: Omit<HostHealth, 'oldest_checked_at'>): string {
  if (health.status === 'none') return 'No enabled health check: nothing holds a patch back.';
  const each = [`${health.healthy} healthy`, `${health.unhealthy} unhealthy`, `${health.unknown} unknown`];
  return `${count(health.total, 'enabled check')}: ${each.join(', ')}.`;
}

/** A gate's state in words. */
export const GATE_STATE_WORDS: Readonly<Record<GateState, string>> = {
  waiting: 'Waiting',
  passed: 'Passed',
  spent: 'Went ahead',
  failed: 'Failed',
  cancelled: 'Cancelled',
};

/** On what ground a gate let a job go ahead. */
export const PASS_KIND_WORDS: Readonly<Record<PassKind, string>> = {
  healthy: 'all checks healthy',
  no_checks: 'no enabled checks',
  overridden: 'failing checks were overridden',
  exempt: 'jobs of this kind are exempt',
  report_only: 'report only: the gate did not hold it back',
};

const END_REASON_WORDS: Readonly<Record<EndReason, string>> = {
  window_closed: 'The window closed before every check was healthy.',
  window_withdrawn: 'The window was removed.',
  job_cancelled: 'The job was cancelled.',
  host_deleted: 'The host was deleted.',
  not_run_capacity: 'There was no capacity to run the checks before the close.',
  gate_busy: 'Another job held the host until the window ended.',
  pass_not_spent: 'The gate let the job go ahead, and the job did not start before the window ended.',
  record_unreadable: 'The stored gate cannot be read. Submit a job for this host again.',
};

/** Why a gate ended without a pass. */
export function endReasonWords(reason: EndReason): string {
  return END_REASON_WORDS[reason];
}
