import type { Blocking, HostPreview, ReasonCode } from '../api/types';
import { reasonWords } from './reasons';

/** The hosts of a preview, laid into what a person should know before going ahead. */
export interface PreviewGroups {
  /** The gate would end without a pass. */
  fail: HostPreview[];
  /** Checks were seen or found failing: the gate would wait for them. */
  unhealthy: HostPreview[];
  /** Nothing recent is known of some check: the gate would ask first. */
  unknown: HostPreview[];
  /** Nothing but another job's gate stands in the way. */
  busy: HostPreview[];
  /** Healthy, but the window is not open yet. */
  early: HostPreview[];
  /** Nothing would hold the patch back. */
  unchecked: HostPreview[];
  /** Every check is healthy now, or nothing else stands in the way. */
  ready: HostPreview[];
  /** What is left of the window is too short for a second attempt; in addition to the others. */
  short: HostPreview[];
}

/** What blocks where another job's gate holds the host. */
const GATE_BUSY: ReasonCode = 'gate_busy';

/** Whether one thing that blocks says nothing of its target. */
export function saysNothing(blocking: Blocking): boolean {
  return reasonWords(blocking.reason).unknown === true;
}

/** Sorts a preview into groups; each host is in one of them, and may be among the short ones too. */
export function groupPreview(previews: readonly HostPreview[]): PreviewGroups {
  const groups: PreviewGroups = {
    fail: [],
    unhealthy: [],
    unknown: [],
    busy: [],
    early: [],
    unchecked: [],
    ready: [],
    short: [],
  };
  for (const preview of previews) {
    if (preview.window_too_short) groups.short.push(preview);
    groups[groupOf(preview)].push(preview);
  }
  return groups;
}

function groupOf(preview: HostPreview): keyof PreviewGroups {
  if (preview.decision === 'fail') return 'fail';
  const checks = preview.blocking.filter((each) => each.reason !== GATE_BUSY);
  if (checks.some((each) => !saysNothing(each))) return 'unhealthy';
  if (checks.length > 0) return 'unknown';
  if (preview.blocking.length > 0) return 'busy';
  if (preview.kind === 'no_checks') return 'unchecked';
  return preview.not_open || preview.decision === 'wait' ? 'early' : 'ready';
}
