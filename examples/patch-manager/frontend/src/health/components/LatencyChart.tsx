import { Box, Typography, useTheme } from '@mui/material';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { HistoryResult } from '../api/types';
import { latencyColumns, type LatencyColumns } from '../model/latency';
import { formatLatency, formatShort } from '../model/time';
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

/** Columns for a pixel: fewer than one, so that the band between fast and slow runs is to be seen. */
const COLUMNS_A_PIXEL = 0.4;

/**
 * How long each run took, over the retention, with failed runs marked by a cross. It is loaded only when
 * somebody opens a check: the default export is for `React.lazy`.
 */
export default function LatencyChart({ results, height = 180 }: LatencyChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const pointed = useRef<HTMLSpanElement>(null);
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
      // A canvas knows no `inherit`.
      font: `11px ${getComputedStyle(element).fontFamily}`,
    };
    const columns = latencyColumns(results, Math.max(60, element.clientWidth * COLUMNS_A_PIXEL));
    const chart = new uPlot(
      {
        width: element.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false, points: { show: false } },
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
          { width: 0, points: { show: false }, spanGaps: false },
          { width: 0, points: { show: false }, spanGaps: false },
        ],
        bands: [{ series: [3, 2], fill: `color-mix(in srgb, ${line} 22%, transparent)` }],
        hooks: {
          draw: [(plot) => crosses(plot, columns.failures, failed)],
          setCursor: [
            ({ cursor: { idx } }) => {
              if (pointed.current !== null) pointed.current.textContent = columnWords(columns, idx);
            },
          ],
        },
      },
      [columns.times, columns.median, columns.lowest, columns.highest],
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
      <Typography
        component="span"
        ref={pointed}
        variant="caption"
        aria-hidden="true"
        sx={{ display: 'block', minHeight: '1.7em', fontVariantNumeric: 'tabular-nums' }}
      />
      <Typography component="figcaption" variant="caption" color="text.secondary">
        Median latency of healthy runs, with the range from fastest to slowest, in local time.{' '}
        <span aria-hidden="true">✕</span> marks a failed run. Gaps have no results.
      </Typography>
    </Box>
  );
}

/** What was found where the pointer is. */
function columnWords(columns: LatencyColumns, index: number | null | undefined): string {
  const time = index == null ? undefined : columns.times[index];
  if (index == null || time === undefined) return '';
  const [middle, lowest, highest] = [columns.median[index], columns.lowest[index], columns.highest[index]];
  const when = formatShort(time * 1_000);
  if (middle == null || lowest == null || highest == null) return `${when}: no healthy run`;
  const band = lowest === highest ? '' : ` (${formatLatency(lowest)} to ${formatLatency(highest)})`;
  return `${when}: ${formatLatency(middle)}${band}`;
}

/**
 * Failures are crosses at the top, not merely red. Their latency is left out: one run that timed out
 * would flatten all others.
 */
function crosses(plot: uPlot, failures: readonly number[], color: string): void {
  const { ctx } = plot;
  const ratio = globalThis.devicePixelRatio || 1;
  const size = 3.5 * ratio;
  const y = plot.bbox.top + size + ratio;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = 1.6 * ratio;
  ctx.beginPath();
  for (const time of failures) {
    const x = plot.valToPos(time, 'x', true);
    ctx.moveTo(x - size, y - size);
    ctx.lineTo(x + size, y + size);
    ctx.moveTo(x - size, y + size);
    ctx.lineTo(x + size, y - size);
  }
  ctx.stroke();
  ctx.restore();
}
