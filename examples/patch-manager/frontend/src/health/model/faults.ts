import type { Evidence } from '../api/types';
import { reasonWords } from './reasons';

/** What is wrong with a host, once, however many of its checks say it. */
export interface Fault {
  /** The first of the entries that say it; the others say the same. */
  entry: Evidence;
  /** The names of all checks that say it. */
  names: string[];
  /** Everything that could be seen is the agent's silence: the checks themselves say nothing. */
  agent: boolean;
}

/** Reasons that tell of the way to a target. Checks that share one, to the letter of its detail, share its cause. */
const SHARED = /^(connect|dns|resolver_failed|timeout_.*|tls_.*|agent_.*|protocol)$/;

/**
 * The failing entries, where several checks fail for one cause said once: a dead agent is no fault of each
 * service that it watches. `services` are the ids of the checks that an agent answers, where they are known.
 */
export function faultsOf(evidence: readonly Evidence[], services?: ReadonlySet<string>): Fault[] {
  const faults = new Map<string, Evidence[]>();
  for (const [index, entry] of evidence.entries()) {
    if (entry.healthy) continue;
    const isShared = entry.check_id != null && SHARED.test(entry.reason);
    const key = isShared ? `${entry.reason} ${entry.detail}` : String(index);
    const same = faults.get(key);
    if (same === undefined) faults.set(key, [entry]);
    else same.push(entry);
  }
  return [...faults.values()].map((entries) => {
    const [entry] = entries as [Evidence];
    return {
      entry,
      names: entries.map((each) => each.name),
      agent:
        SHARED.test(entry.reason) &&
        entries.every(({ check_id }) => check_id != null && services?.has(check_id) === true),
    };
  });
}

/** What is said of an agent of which nothing can be learned. */
export function agentWords(reason: string): string {
  return /^(connect|timeout_.*)$/.test(reason) ? 'The agent does not answer' : 'The agent cannot be asked';
}

/** "nginx: Service is not running", "3 checks: Timed out connecting" */
export function faultWords({ entry, names, agent }: Fault): string {
  const { title } = reasonWords(entry.reason);
  const detail = entry.check_id == null && entry.detail !== '' ? `: ${entry.detail}` : '';
  if (agent) return `${agentWords(entry.reason)}: ${title}`;
  return names.length > 1 ? `${names.length} checks: ${title}` : `${entry.name}: ${title}${detail}`;
}
