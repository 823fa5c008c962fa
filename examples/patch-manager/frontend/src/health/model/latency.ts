import type { HistoryResult } from '../api/types';
import { toMillis } from './time';

/** Latencies as they are plotted: columns of equal length, each with what was in it. */
export interface LatencyColumns {
  /** Each column's time, in seconds since the epoch. */
  times: number[];
  /** Of the healthy runs in each column; `null` where there was none, which breaks the line. */
  median: (number | null)[];
  lowest: (number | null)[];
  highest: (number | null)[];
  /** Where runs failed, in seconds since the epoch. */
  failures: number[];
}

/** Two runs further apart than this many usual steps have a gap between them. */
const GAP_STEPS = 3;

/**
 * Lays results, newest first, into at most `most` columns. Few results have a column each, so that nothing
 * is smoothed that can be shown; many share one, as a line that goes up and down in each pixel says nothing.
 */
export function latencyColumns(results: readonly HistoryResult[], most: number): LatencyColumns {
  const ordered = results.toReversed();
  const at = ordered.map((result) => toMillis(result.checked_at) / 1_000);
  const laid: LatencyColumns = { times: [], median: [], lowest: [], highest: [], failures: [] };
  const [first, last] = [at[0], at.at(-1)];
  if (first === undefined || last === undefined) return laid;
  const steps = at.slice(1).map((time, index) => time - (at[index] ?? 0));
  const usual = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  const length = ordered.length <= most ? 0 : (last - first) / most;
  const put = (time: number, latencies: readonly number[]) => {
    const sorted = latencies.toSorted((a, b) => a - b);
    laid.times.push(time);
    laid.lowest.push(sorted[0] ?? null);
    laid.median.push(sorted[Math.floor(sorted.length / 2)] ?? null);
    laid.highest.push(sorted.at(-1) ?? null);
  };
  let from = first;
  let before: number | undefined;
  let latencies: number[] = [];
  let times: number[] = [];
  const close = () => {
    const [start, end] = [times[0], times.at(-1)];
    if (start !== undefined && end !== undefined) put((start + end) / 2, latencies);
    [times, latencies] = [[], []];
  };
  ordered.forEach((result, index) => {
    const time = at[index] ?? 0;
    const gap = before !== undefined && usual > 0 && time - before > usual * GAP_STEPS;
    if (gap || time - from >= length) {
      close();
      from = time;
    }
    if (gap && before !== undefined) put((before + time) / 2, []);
    before = time;
    times.push(time);
    if (!result.healthy) laid.failures.push(time);
    else if (result.latency_ms !== null) latencies.push(result.latency_ms);
  });
  close();
  return laid;
}
