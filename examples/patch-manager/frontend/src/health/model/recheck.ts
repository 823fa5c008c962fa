import { reasonWords } from './reasons';

/** What became of a check between the pass and the run after the patch. */
export type RecheckChange = 'same' | 'broke' | 'mended' | 'still_failing' | 'new' | 'gone';

/** One check, before the patch and after it. */
export interface RecheckEntry {
  name: string;
  change: RecheckChange;
  /** Whether it is healthy now; `null` where it is not required any more. */
  healthy: boolean | null;
  /** Why it fails now, in words; empty where it does not. */
  reason: string;
}

const CHANGES: readonly string[] = ['same', 'broke', 'mended', 'still_failing', 'new', 'gone'];

/**
 * Reads the library's `Recheck`. An application stores and shows it as plain JSON, so its document does
 * not describe it: whatever cannot be read is left out.
 */
export function readRecheck(value: unknown): RecheckEntry[] {
  const checks = member(value, 'checks');
  if (!Array.isArray(checks)) return [];
  return checks.flatMap((each): RecheckEntry[] => {
    const name = member(each, 'name');
    const change = member(each, 'change');
    if (typeof name !== 'string' || typeof change !== 'string' || !CHANGES.includes(change)) return [];
    const now = member(each, 'now');
    const healthy = member(now, 'healthy');
    const reason = member(now, 'reason');
    const detail = member(now, 'detail');
    const words = typeof reason === 'string' && healthy !== true ? reasonWords(reason).title : '';
    return [
      {
        name,
        change: change as RecheckChange,
        healthy: typeof healthy === 'boolean' ? healthy : null,
        reason: typeof detail === 'string' && detail !== '' && words !== '' ? `${words}: ${detail}` : words,
      },
    ];
  });
}

/** What became of it, in words. */
export const RECHECK_WORDS: Readonly<Record<RecheckChange, string>> = {
  same: 'healthy before and after',
  broke: 'was healthy, fails now',
  mended: 'failed before, healthy now',
  still_failing: 'failed before and after',
  new: 'not known before',
  gone: 'not required any more',
};

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
