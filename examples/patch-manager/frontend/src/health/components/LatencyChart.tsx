import { Box, Typography, useTheme } from '@mui/material';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { HistoryResult } from '../api/types';
import { formatLatency, toMillis } from '../model/time';
import { paletteOf } from './palette';

/** Properties of {@link LatencyChart}. */
export interface LatencyChartProps {
  /** Newest first. */
  results: readonly HistoryResult[];
  /** Height in pixels. */
  height?: number;
}

/** From which step on (seconds) how a tick is written, and its second line where the day turns. */
const TIME_TICKS: uPlot.Axis.Values = [
  [86_400, '{WWW} {D}', null, null, null, null, null, null, 1],
  [60, '{HH}:{mm}', '\n{WWW} {D}', null, '\n{WWW} {D}', null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', '\n{WWW} {D}', null, '\n{WWW} {D}', null, null, null, 1],
];

/** Two runs further apart than this many usual steps have a gap between them. */
const GAP_STEPS = 3;

/**
 * How long each run took, over the retention, with failed runs marked by a cross. It is loaded only when
 * somebody opens a check: the default export is for `React.lazy`.
 */
export default function LatencyChart({ results, height = 180 }: LatencyChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const palette = paletteOf(useTheme());
  const line = palette.primary.main;
  const failed = palette.error.main;
  const text = palette.text.secondary;
  const grid = palette.divider;

  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const axis = {
      stroke: text,
      grid: { stroke: grid, width: 1 },
      ticks: { show: false },
      font: '11px inherit',
    };
    const chart = new uPlot(
      {
        width: element.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false, points: { size: 6 } },
        scales: { y: { range: (_, __, max) => [0, Math.max((max || 0) * 1.25, 10)] } },
        axes: [
          { ...axis, values: TIME_TICKS },
          {
            ...axis,
            size: 62,
            values: (_, ticks) => ticks.map((tick) => (tick === 0 ? '0' : formatLatency(tick))),
          },
        ],
        series: [
          {},
          { stroke: line, width: 1.5, points: { show: false }, spanGaps: false },
          // Drawn by the hook below.
          { paths: () => null, points: { show: false } },
        ],
        hooks: { drawSeries: [(plot, index) => index === 2 && crosses(plot, failed)] },
      },
      lay(results),
      element,
    );
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
    };
  }, [results, height, line, failed, text, grid]);

  const failures = results.filter((result) => !result.healthy).length;
  return (
    <Box component="figure" sx={{ m: 0 }}>
      <Box
        ref={box}
        role="img"
        aria-label={`Latency of the last ${results.length} runs; ${failures} of them failed. The table below has the newest.`}
        sx={{ height }}
      />
      <Typography component="figcaption" variant="caption" color="text.secondary">
        Latency of each healthy run, in local time. <span aria-hidden="true">✕</span> at the top marks a
        failed run; a break in the line is a time without results.
      </Typography>
    </Box>
  );
}

/**
 * Failures are crosses at the top, not merely red. Their latency is left out: one run that timed out
 * would flatten all others.
 */
function crosses(plot: uPlot, color: string): void {
  const { ctx, data } = plot;
  const [times, , marks] = data;
  const ratio = globalThis.devicePixelRatio || 1;
  const size = 3.5 * ratio;
  const y = plot.bbox.top + size + ratio;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = 1.6 * ratio;
  ctx.beginPath();
  for (let index = 0; index < times.length; index += 1) {
    if (marks?.[index] == null) continue;
    const x = plot.valToPos(times[index] ?? 0, 'x', true);
    ctx.moveTo(x - size, y - size);
    ctx.lineTo(x + size, y + size);
    ctx.moveTo(x - size, y + size);
    ctx.lineTo(x + size, y - size);
  }
  ctx.stroke();
  ctx.restore();
}

/** Times in seconds, the latencies of healthy runs, and which runs failed; `null` breaks the line. */
function lay(results: readonly HistoryResult[]): uPlot.AlignedData {
  const ordered = results.toReversed();
  const at = ordered.map((result) => toMillis(result.checked_at) / 1_000);
  const steps = at.slice(1).map((time, index) => time - (at[index] ?? 0));
  const usual = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
  const times: number[] = [];
  const latencies: (number | null)[] = [];
  const failures: (number | null)[] = [];
  ordered.forEach((result, index) => {
    const time = at[index] ?? 0;
    const before = at[index - 1];
    if (before !== undefined && usual > 0 && time - before > usual * GAP_STEPS) {
      times.push((before + time) / 2);
      latencies.push(null);
      failures.push(null);
    }
    times.push(time);
    latencies.push(result.healthy ? result.latency_ms : null);
    failures.push(result.healthy ? null : 0);
  });
  return [times, latencies, failures];
}
