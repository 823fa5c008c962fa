import type { HistoryResult } from '../api/types';
import { reasonWords } from './reasons';
import { count, formatDuration, toMillis } from './time';

/** One column of the strip: what was found in a span of time. */
export interface HistoryBucket {
  /** Milliseconds; `[from, to)`. */
  from: number;
  to: number;
  healthy: number;
  /** The target was seen unhealthy. */
  unhealthy: number;
  /** The target could not be seen. */
  unseen: number;
  /** How often each reason for a failure was given. */
  reasons: ReadonlyMap<string, number>;
}

/** What a column says as a whole. A gap is no failure: nothing was found out. */
export type BucketKind = 'gap' | 'healthy' | 'mixed' | 'failed';

/** Lays results into columns of equal length that end at `to`. */
export function bucketize(
  results: readonly HistoryResult[],
  from: number,
  to: number,
  columns: number,
): HistoryBucket[] {
  const length = (to - from) / columns;
  const made = Array.from({ length: columns }, (_, index) => ({
    from: from + index * length,
    to: from + (index + 1) * length,
    healthy: 0,
    unhealthy: 0,
    unseen: 0,
    reasons: new Map<string, number>(),
  }));
  for (const result of results) {
    const at = toMillis(result.checked_at);
    const bucket = made[Math.floor((at - from) / length)];
    if (at < from || bucket === undefined) continue;
    if (result.healthy) bucket.healthy += 1;
    else {
      if (result.observed) bucket.unhealthy += 1;
      else bucket.unseen += 1;
      bucket.reasons.set(result.reason, (bucket.reasons.get(result.reason) ?? 0) + 1);
    }
  }
  return made;
}

/** How a column is drawn. */
export function bucketKind(bucket: HistoryBucket): BucketKind {
  const failed = bucket.unhealthy + bucket.unseen;
  if (failed === 0) return bucket.healthy === 0 ? 'gap' : 'healthy';
  return bucket.healthy === 0 ? 'failed' : 'mixed';
}

/** A column in words: "11 of 12 healthy; 1 × Timed out connecting". */
export function bucketWords(bucket: HistoryBucket): string {
  const runs = bucket.healthy + bucket.unhealthy + bucket.unseen;
  if (runs === 0) return 'No result';
  const reasons = [...bucket.reasons].map(
    ([reason, times]) => `${times} × ${reasonWords(reason).title.toLowerCase()}`,
  );
  return [`${bucket.healthy} of ${runs} healthy`, ...reasons].join('; ');
}

/** The strip as a sentence, for those who cannot see it. */
export function historySentence(
  results: readonly HistoryResult[],
  buckets: readonly HistoryBucket[],
  cutOff: number | null = null,
): string {
  const span = spanWords((buckets.at(-1)?.to ?? 0) - (buckets[0]?.from ?? 0));
  if (results.length === 0) return `No results in the last ${span}.`;
  const failures = results.filter((result) => !result.healthy).length;
  const shown = buckets.filter((bucket) => cutOff === null || bucket.to > cutOff);
  const gaps = shown.filter((bucket) => bucketKind(bucket) === 'gap').length;
  const share = ((1 - failures / results.length) * 100).toFixed(failures === 0 ? 0 : 1);
  const hours = gaps === 0 ? 'no gaps' : `no results in ${gaps} of ${shown.length} spans`;
  const rest = shown.length < buckets.length ? ' Older results are not shown.' : '';
  return `Last ${span}: ${results.length} results, ${share} % healthy, ${failures} failed, ${hours}.${rest}`;
}

/** "4 days", "1 day", "6 h": how far back a past goes. */
export function spanWords(milliseconds: number): string {
  const days = Math.round(milliseconds / DAY_MS);
  return days >= 1 ? count(days, 'day') : formatDuration(milliseconds);
}

const DAY_MS = 24 * 60 * 60 * 1_000;
