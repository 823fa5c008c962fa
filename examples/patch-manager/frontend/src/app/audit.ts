import type { AuditRecord } from '../health';

/** What each action is called where it was done, and where it was refused. */
const ACTIONS: Readonly<Record<AuditRecord['action'], readonly [done: string, command: string]>> = {
  health_check_created: ['Health check added', 'Add health check'],
  health_check_updated: ['Health check changed', 'Change health check'],
  health_check_deleted: ['Health check deleted', 'Delete health check'],
  health_check_tested: ['Health check tested', 'Test health check'],
  health_check_rekeyed: ['Password sealed under another key', 'Seal password under another key'],
  gate_overridden: ['Gate overridden', 'Override gate'],
  gate_override_removed: ['Override taken back', 'Take override back'],
  gate_clock_cleared: ['Gate’s clock cleared', 'Clear gate’s clock'],
  gate_cancelled: ['Gate cancelled', 'Cancel gate'],
  rollout_resumed: ['Rollout resumed', 'Resume rollout'],
  key_registered: ['Key registered', 'Register key'],
  job_created: ['Job submitted', 'Submit job'],
  job_cancelled: ['Job cancelled', 'Cancel job'],
  window_created: ['Window added', 'Add window'],
  window_updated: ['Window changed', 'Change window'],
  window_deleted: ['Window deleted', 'Delete window'],
  host_paused: ['Host paused', 'Pause host'],
  host_resumed: ['Host resumed', 'Resume host'],
  token_issued: ['Token issued', 'Issue token'],
  token_revoked: ['Token revoked', 'Revoke token'],
  sign_in_failed: ['Sign-in failed', 'Sign in'],
  record_unreadable: ['Unreadable record', 'Unreadable record'],
};

/** "Job cancelled"; "Cancel job: refused" where it was refused, since nothing was cancelled then. */
export function recordWords({ action, outcome }: Pick<AuditRecord, 'action' | 'outcome'>): string {
  const [done, command] = ACTIONS[action];
  return outcome === 'refused' ? `${command}: refused` : done;
}
