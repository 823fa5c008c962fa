import type { RolloutRequest } from '../../app/api/types';
import { count, formatDuration } from '../../health';

/** A stage as its fields hold it. */
export interface StagePlan {
  /** Tells the stages apart while they are edited. */
  key: number;
  upTo: string;
  soakMinutes: string;
}

/** How the hosts are gone over, as the fields hold it. */
export interface RolloutPlan {
  /** Without it all hosts may go at once, and nothing stops the job. */
  on: boolean;
  stages: readonly StagePlan[];
  maxInFlight: string;
  failureBudget: string;
}

/** One host, a tenth, all; the first failure stops it. */
export const INITIAL_ROLLOUT: RolloutPlan = {
  on: false,
  stages: [
    { key: 0, upTo: '1', soakMinutes: '10' },
    { key: 1, upTo: '10%', soakMinutes: '10' },
    { key: 2, upTo: '100%', soakMinutes: '0' },
  ],
  maxInFlight: '10%',
  failureBudget: '0',
};

/** The most stages of a rollout. */
export const MOST_STAGES = 20;
const LONGEST_SOAK = 7 * 24 * 60;

/** How many of so many hosts an amount is, "5" or "10%"; `null` where it is none. */
export function amountOf(text: string, hosts: number): number | null {
  const found = /^(\d{1,9})(%?)$/.exec(text.trim());
  if (found === null) return null;
  const number = Number(found[1]);
  if (found[2] === '') return number;
  return number > 100 ? null : Math.ceil((number * hosts) / 100);
}

/** "4 of 37 hosts"; `null` where the text is no amount. */
export function amountWords(text: string, hosts: number): string | null {
  const amount = amountOf(text, hosts);
  return amount === null ? null : `${Math.min(amount, hosts)} of ${count(hosts, 'host')}`;
}

function isSoak(text: string): boolean {
  return /^\d{1,5}$/.test(text.trim()) && Number(text) <= LONGEST_SOAK;
}

/** The messages by field: `stages[0].up_to`, `stages[0].soak_secs`, `max_in_flight`, `failure_budget`. */
export function rolloutFaults(plan: RolloutPlan): Record<string, string> {
  const faults: Record<string, string> = {};
  if (!plan.on) return faults;
  const least = (field: string, text: string, smallest: number) => {
    const amount = amountOf(text, 100);
    if (amount === null) faults[field] = 'Give a number of hosts, such as 5, or a share, such as 10%.';
    else if (amount < smallest) faults[field] = 'Give at least one host.';
  };
  plan.stages.forEach((stage, index) => {
    least(`stages[${index}].up_to`, stage.upTo, 1);
    if (!isSoak(stage.soakMinutes)) {
      faults[`stages[${index}].soak_secs`] = `Give 0 to ${LONGEST_SOAK} minutes.`;
    }
  });
  least('max_in_flight', plan.maxInFlight, 1);
  least('failure_budget', plan.failureBudget, 0);
  return faults;
}

/** What a job is asked for; `undefined` where it is not to be rolled out in stages. */
export function rolloutOf(plan: RolloutPlan): RolloutRequest | undefined {
  if (!plan.on) return undefined;
  return {
    stages: plan.stages.map((stage) => ({
      up_to: stage.upTo.trim(),
      soak_secs: Number(stage.soakMinutes) * 60,
    })),
    max_in_flight: plan.maxInFlight.trim(),
    failure_budget: plan.failureBudget.trim(),
  };
}

/** The fields of what another job was asked for. */
export function rolloutPlanOf(asked: RolloutRequest): RolloutPlan {
  return {
    on: true,
    stages: (asked.stages ?? []).map((stage, key) => ({
      key,
      upTo: stage.up_to,
      soakMinutes: String(Math.round((stage.soak_secs ?? 0) / 60)),
    })),
    maxInFlight: asked.max_in_flight ?? INITIAL_ROLLOUT.maxInFlight,
    failureBudget: asked.failure_budget ?? INITIAL_ROLLOUT.failureBudget,
  };
}

/** The rollout in one sentence. */
export function rolloutWords(plan: RolloutPlan): string {
  const { stages, max_in_flight, failure_budget } = rolloutOf({ ...plan, on: true }) ?? {};
  const each = (stages ?? []).map(({ up_to, soak_secs }) =>
    !soak_secs ? up_to : `${up_to} (then ${formatDuration(soak_secs * 1_000)})`,
  );
  return `In stages: ${each.join(', ')}. At most ${max_in_flight} at the same time; halts after more than ${failure_budget} failed.`;
}
