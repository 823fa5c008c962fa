import type { RecheckChange, Verification, VerificationState, VerifiedCheck } from '../api/types';
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

/** How a host stands after its patch, in words. */
export const VERIFICATION_WORDS: Readonly<Record<VerificationState, string>> = {
  verifying: 'being verified',
  verified: 'verified',
  regressed: 'regressed',
  unverified: 'not verified',
  no_checks: 'no checks to verify it by',
};

/** How a host stands after its patch, in one line; what fails comes first. */
export function verificationSentence({ state, checks }: Pick<Verification, 'state' | 'checks'>): string {
  const counted = checks.filter((check) => check.counted);
  const failing = counted.filter((check) => check.now?.healthy !== true).length;
  const words = VERIFICATION_WORDS[state];
  if (state === 'no_checks' || counted.length === 0) return words;
  return failing > 0
    ? `${words}, ${failing} of ${counted.length} not healthy`
    : `${words}, ${counted.length} of ${counted.length} healthy`;
}

/** Why a check fails after the patch; empty where it does not. */
export function verifiedReason({ now }: Pick<VerifiedCheck, 'now'>): string {
  if (now == null || now.healthy) return '';
  const words = reasonWords(now.reason).title;
  return now.detail === '' ? words : `${words}: ${now.detail}`;
}
