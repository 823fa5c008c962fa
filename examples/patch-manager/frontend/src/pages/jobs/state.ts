import type { JobHost } from '../../app/api/types';
import type { Tone } from '../../app/words';
import { failing, faultsOf, faultWords, reasonWords, type Evidence } from '../../health';

/** Where a job stands on one host, as the page says it. What needs a person comes first. */
export const STATES = [
  'failed',
  'unverified',
  'blocked',
  'checks',
  'window',
  'turn',
  'slot',
  'queued',
  'patching',
  'verifying',
  'succeeded',
  'cancelled',
] as const;

export type State = (typeof STATES)[number];

export const STATE_WORDS: Readonly<Record<State, { word: string; tone: Tone }>> = {
  failed: { word: 'Failed', tone: 'error' },
  unverified: { word: 'Not verified', tone: 'error' },
  blocked: { word: 'Blocked by another job', tone: 'warning' },
  checks: { word: 'Waiting for checks', tone: 'warning' },
  window: { word: 'Waiting for window', tone: 'default' },
  turn: { word: 'Waiting for its turn', tone: 'default' },
  slot: { word: 'Passed, waiting for a slot', tone: 'info' },
  queued: { word: 'Queued', tone: 'default' },
  patching: { word: 'Patching', tone: 'info' },
  verifying: { word: 'Verifying', tone: 'info' },
  succeeded: { word: 'Succeeded', tone: 'success' },
  cancelled: { word: 'Cancelled', tone: 'default' },
};

/** Where the job stands on a host. */
export function stateOf(host: JobHost): State {
  switch (host.status) {
    case 'queued':
      return host.blocked_by == null ? 'queued' : 'blocked';
    case 'waiting_for_window':
      return 'window';
    case 'waiting_health_check':
      return 'checks';
    case 'waiting_for_slot':
      return host.gate?.state === 'passed' ? 'slot' : 'turn';
    default:
      return host.status;
  }
}

/** What holds a host back, coarsely, so that hosts can be counted by it. */
export type Cause =
  'certificate' | 'silent' | 'agent' | 'service' | 'answer' | 'condition' | 'unknown' | 'job';

export const CAUSE_WORDS: Readonly<Record<Cause, string>> = {
  certificate: 'certificate',
  silent: 'no answer from host',
  agent: 'agent fault',
  service: 'service not running',
  answer: 'wrong HTTP answer',
  condition: 'condition of the patch manager',
  unknown: 'no recent result',
  job: 'another job',
};

/** The causes in the order in which one explains the other: a host that is silent has no service that runs. */
const PRECEDENCE: readonly Cause[] = [
  'condition',
  'certificate',
  'silent',
  'agent',
  'service',
  'answer',
  'unknown',
];

function causeOf(entry: Evidence): Cause {
  if (entry.check_id == null) return 'condition';
  if (entry.reason.startsWith('tls_')) return 'certificate';
  if (/^(connect|dns|resolver_failed|timeout_.*)$/.test(entry.reason)) return 'silent';
  if (entry.reason.startsWith('agent_')) return 'agent';
  if (entry.reason.startsWith('service_')) return 'service';
  return reasonWords(entry.reason).unknown === true ? 'unknown' : 'answer';
}

/** What holds a host back now; `null` where nothing of its own does. */
export function mainCause(host: JobHost): Cause | null {
  const state = stateOf(host);
  if (state === 'blocked') return 'job';
  if (state !== 'checks' || host.gate == null) return null;
  const causes = new Set(failing(host.gate).map(causeOf));
  return PRECEDENCE.find((cause) => causes.has(cause)) ?? null;
}

/** Why a host stands where it stands, on one line. */
export function whyOf(host: JobHost): string {
  const state = stateOf(host);
  const faults = host.gate == null ? [] : faultsOf(host.gate.evidence);
  if (state === 'checks' && faults.length > 0) {
    const [first] = faults;
    const more = faults.length - 1;
    return `${first === undefined ? '' : faultWords(first)}${more > 0 ? ` · ${more} more` : ''}`;
  }
  if (state === 'checks') return 'The checks run at the next attempt.';
  if (state === 'slot')
    return 'The gate has passed; a worker starts the patch when one of its places is free.';
  // The state says already that it waits, and for what.
  const detail = host.detail.replace(/^waiting for (the rollout: (?=the rollout)|its group: )/, '');
  return detail.charAt(0).toUpperCase() + detail.slice(1);
}

/** The first failing check let through by an override, and those that still hold the host. */
export function overriddenOf(host: JobHost): { overridden: number; held: number } {
  const named = new Set(host.gate?.override?.check_ids ?? []);
  const entries = host.gate == null ? [] : failing(host.gate);
  const overridden = entries.filter(({ check_id }) => check_id != null && named.has(check_id)).length;
  return { overridden, held: entries.length - overridden };
}

/** Which of a job's hosts are shown. */
export interface Filter {
  state: State | null;
  cause: Cause | null;
  q: string;
}

/** Whether a host is one of those that are shown. */
export function matches(host: JobHost, { state, cause, q }: Filter): boolean {
  return (
    (state === null || stateOf(host) === state) &&
    (cause === null || mainCause(host) === cause) &&
    (q === '' || host.host_name.toLowerCase().includes(q.toLowerCase()))
  );
}

/** How many hosts there are of each kind, in the order of the kinds; those without any are left out. */
export function tally<Kind extends string>(
  hosts: readonly JobHost[],
  kindOf: (host: JobHost) => Kind | null,
  order: readonly Kind[],
): [Kind, number][] {
  const counts = new Map<Kind, number>();
  for (const host of hosts) {
    const kind = kindOf(host);
    if (kind !== null) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return order.flatMap((kind): [Kind, number][] => {
    const number = counts.get(kind);
    return number === undefined ? [] : [[kind, number]];
  });
}

/** What needs a person first, and then by name. */
export function byUrgency(a: JobHost, b: JobHost): number {
  return STATES.indexOf(stateOf(a)) - STATES.indexOf(stateOf(b)) || a.host_name.localeCompare(b.host_name);
}
