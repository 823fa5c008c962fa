import type { Evidence, Gate, UtcOffset } from '../api/types';
import { endReasonWords, PASS_KIND_WORDS } from './status';
import { count, LOCAL_ZONE, toMillis, type Zone } from './time';

/** The zone to show the times of a gate or a window in: its own, or the browser's where it has none. */
export function zoneOf(shown: Zoned, otherwise: Zone = LOCAL_ZONE): Zone {
  if (shown.time_zone == null) return otherwise;
  return { name: shown.time_zone, offsets: shown.utc_offsets ?? [] };
}

/** What the API says of a zone. */
interface Zoned {
  time_zone?: string | null;
  utc_offsets?: readonly UtcOffset[];
}

/** The requirements that hold the host back, as they were last judged. */
export function failing(gate: Pick<Gate, 'evidence'>): Evidence[] {
  return gate.evidence.filter((entry) => !entry.healthy);
}

/** Whether the gate's override lets this entry fail. */
export function isOverridden(
  gate: Pick<Gate, 'override'>,
  { check_id }: Pick<Evidence, 'check_id'>,
): boolean {
  return check_id != null && gate.override?.check_ids.includes(check_id) === true;
}

/** Where a gate stands, in one line for people. */
export function gateSentence(gate: Gate, now: number): string {
  const overridden = failing(gate).filter((entry) => isOverridden(gate, entry)).length;
  const blocking = failing(gate).filter((entry) => !isOverridden(gate, entry));
  switch (gate.state) {
    case 'waiting':
      if (now < toMillis(gate.opens_at)) return 'Waiting for the window to open';
      if (gate.attempts.at(-1)?.outcome === 'running') return 'Running the checks';
      if (blocking.length === 0) {
        return gate.next_attempt_at == null ? 'Waiting for its turn' : 'Waiting for the next attempt';
      }
      return `Waiting for ${words(blocking)}${overridden > 0 ? `; ${overridden} overridden` : ''}`;
    case 'passed':
      return `Passed: ${kindWords(gate)}`;
    case 'spent':
      return `Went ahead: ${kindWords(gate)}`;
    case 'failed':
      return `Failed: ${reasonOf(gate)}`;
    case 'cancelled':
      return 'Cancelled: the job was cancelled';
  }
}

function kindWords(gate: Gate): string {
  return gate.kind == null ? 'a pass was given' : PASS_KIND_WORDS[gate.kind];
}

function reasonOf(gate: Gate): string {
  const words = gate.end_reason == null ? 'no pass was given' : endReasonWords(gate.end_reason);
  return words.charAt(0).toLowerCase() + words.slice(1).replace(/\.$/, '');
}

/** "2 failing checks and 1 condition" */
function words(blocking: readonly Evidence[]): string {
  const conditions = blocking.filter((entry) => entry.check_id == null).length;
  const checks = blocking.length - conditions;
  return [
    ...(checks > 0 ? [count(checks, 'failing check')] : []),
    ...(conditions > 0 ? [count(conditions, 'condition')] : []),
  ].join(' and ');
}

/** What a gate that only reports would have done, for people; `null` where it held nothing back. */
export function wouldHaveWords(gate: Gate): string | null {
  const decision = gate.pass?.would_have?.decision;
  if (decision === undefined || decision === 'proceed') return null;
  return decision === 'fail' ? 'It would have failed here.' : 'It would have waited here.';
}

/** Whether nothing can change any more. */
export function isOver(gate: Gate): boolean {
  return gate.state === 'spent' || gate.state === 'failed' || gate.state === 'cancelled';
}
