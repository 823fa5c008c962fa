import type { Recheck, Rechecked, RecheckChange } from '../api/types';
import { count } from './time';
import { reasonWords } from './reasons';

/** What became of a check, in words. */
export const RECHECK_WORDS: Readonly<Record<RecheckChange, string>> = {
  same: 'healthy before and after',
  broke: 'was healthy, fails now',
  mended: 'failed before, healthy now',
  still_failing: 'failed before and after',
  new: 'not known before',
  gone: 'not required any more',
};

/** What came of the patch, in one line; what is worse than before comes first. */
export function recheckSentence(recheck: Recheck): string {
  const broke = recheck.checks.filter((check) => check.change === 'broke').length;
  if (broke > 0) return `${broke} of ${count(recheck.checks.length, 'check')} broke`;
  if (recheck.is_worse) return 'a check that was not known before fails';
  return recheck.checks.every((check) => check.now?.healthy !== false)
    ? 'every check is healthy'
    : 'nothing broke that was healthy before';
}

/** Why a check fails after the patch; empty where it does not. */
export function recheckReason({ now }: Pick<Rechecked, 'now'>): string {
  if (now == null || now.healthy) return '';
  const words = reasonWords(now.reason).title;
  return now.detail === '' ? words : `${words}: ${now.detail}`;
}
