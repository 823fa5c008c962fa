import type { Job, JobRequest } from '../../app/api/types';
import { fromLocalInput, toLocalInput } from '../../app/zoned';
import { INITIAL_ROLLOUT, rolloutFaults, rolloutOf, rolloutPlanOf, type RolloutPlan } from './rollout';

/** When a job is to run. */
export type Timing = 'maintenance' | 'immediate' | 'explicit';

/** What the gates do with hosts that are not healthy; a dry run patches none at all. */
export type Mode = 'patch' | 'dry_run' | 'report_only';

/** What the second step decides. */
export interface Plan {
  timing: Timing;
  /** What the two inputs hold, in the browser's zone; only for an explicit window. */
  opens: string;
  closes: string;
  mode: Mode;
  /** Why the gates are to hold nothing back; only for `report_only`. */
  reason: string;
  /** In which order and how many at a time; of no concern to a dry run. */
  rollout: RolloutPlan;
}

/** The fewest characters of a reason. */
export const LEAST_REASON = 10;

/** The safest choice comes first: each host's own maintenance window. */
export const INITIAL_PLAN: Plan = {
  timing: 'maintenance',
  opens: '',
  closes: '',
  mode: 'patch',
  reason: '',
  rollout: INITIAL_ROLLOUT,
};

/**
 * The plan of a patch that is to be tried again. Where its explicit window has closed, it is a new one from now on.
 */
export function planOf(job: Job, now: number = Date.now()): Plan {
  const explicit = job.window != null && !job.immediate;
  const open = explicit && Date.parse(job.window?.closes_at ?? '') > now;
  return {
    timing: job.immediate ? 'immediate' : explicit ? 'explicit' : 'maintenance',
    opens: open ? toLocalInput(Date.parse(job.window?.opens_at ?? '')) : '',
    closes: open ? toLocalInput(Date.parse(job.window?.closes_at ?? '')) : '',
    ...(explicit && !open && proposedWindow(now)),
    mode: job.dry_run ? 'dry_run' : job.report_only ? 'report_only' : 'patch',
    reason: job.report_only ? (job.reason ?? '') : '',
    rollout: job.rollout == null ? INITIAL_ROLLOUT : rolloutPlanOf(job.rollout.policy),
  };
}

const LONGEST = 7 * 24 * 60 * 60 * 1_000;

/** An explicit window to begin with: from now, for two hours. */
export function proposedWindow(now: number): Pick<Plan, 'opens' | 'closes'> {
  const minute = 60_000;
  const opens = Math.floor(now / minute) * minute;
  return { opens: toLocalInput(opens), closes: toLocalInput(opens + 120 * minute) };
}

/** What is wrong with the plan, for people; `null` where nothing is. */
export function planFault(plan: Plan, now: number = Date.now()): string | null {
  const fault = timeFault(plan, now);
  if (fault !== null) return fault;
  const short = plan.mode === 'report_only' && plan.reason.trim().length < LEAST_REASON;
  if (short) return `Say why, in at least ${LEAST_REASON} characters.`;
  const isUnclear = plan.mode !== 'dry_run' && Object.keys(rolloutFaults(plan.rollout)).length > 0;
  return isUnclear ? 'Correct the stages of the rollout.' : null;
}

function timeFault(plan: Plan, now: number): string | null {
  if (plan.timing !== 'explicit') return null;
  const opens = fromLocalInput(plan.opens);
  const closes = fromLocalInput(plan.closes);
  if (opens === null || closes === null) return 'Say when the window opens and when it closes.';
  if (closes <= opens) return 'The window has to close after it opens.';
  if (closes <= now) return 'The window has closed already.';
  return closes - opens > LONGEST ? 'A window lasts at most 7 days.' : null;
}

/** The window of a plan; `undefined` where it has none of its own. */
export function windowOf(plan: Plan): JobRequest['window'] {
  if (plan.timing !== 'explicit') return undefined;
  const opens = fromLocalInput(plan.opens);
  const closes = fromLocalInput(plan.closes);
  if (opens === null || closes === null) return undefined;
  return { opens_at: new Date(opens).toISOString(), closes_at: new Date(closes).toISOString() };
}

/** The job that a plan asks for. */
export function requestOf(plan: Plan, hostIds: string[]): JobRequest {
  const window = windowOf(plan);
  const rollout = plan.mode === 'dry_run' ? undefined : rolloutOf(plan.rollout);
  return {
    host_ids: hostIds,
    ...(window != null && { window }),
    ...(plan.timing === 'immediate' && { immediate: true }),
    ...(plan.mode === 'dry_run' && { dry_run: true }),
    ...(plan.mode === 'report_only' && { report_only: true, reason: plan.reason.trim() }),
    ...(rollout !== undefined && { rollout }),
  };
}
