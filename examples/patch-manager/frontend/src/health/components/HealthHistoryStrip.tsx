import { Box, Tooltip, Typography, useTheme } from '@mui/material';
import { useMemo, useState, type MouseEvent } from 'react';
import type { HistoryResult } from '../api/types';
import { useNow } from '../hooks/useNow';
import { RETENTION_MS } from '../hooks/useHistory';
import { bucketize, bucketKind, bucketWords, historySentence, type BucketKind } from '../model/history';
import { formatShort } from '../model/time';
import { paletteOf } from './palette';

/** Properties of {@link HealthHistoryStrip}. */
export interface HealthHistoryStripProps {
  /** The results over the retention, in any order; `undefined` while they are being asked for. */
  results: readonly HistoryResult[] | undefined;
  /** Before this instant (milliseconds) nothing was asked for, so that it is no gap. */
  cutOff?: number | null;
  /** How far back it goes, in milliseconds. */
  span?: number;
  /** How many columns it has; 48 are one for two hours over four days. */
  columns?: number;
  /** Its height in pixels. */
  height?: number;
  /** Paler, for a check that is not run any more. */
  muted?: boolean;
  /** Show the days' ends under it. */
  axis?: boolean;
}

/** Heights differ as well as colours: a failure fills the column, a gap is a dot on the base line. */
const SHAPES: Readonly<Record<BucketKind, { top: number; height: number }>> = {
  healthy: { top: 0.3, height: 0.7 },
  mixed: { top: 0, height: 1 },
  failed: { top: 0, height: 1 },
  gap: { top: 0.88, height: 0.12 },
};

/**
 * A check's past, the last four days for instance, in one line: healthy times are low and green, failed ones tall and red, times
 * with both are split, and times without a result are a dot on the base line.
 */
export function HealthHistoryStrip({
  results,
  cutOff = null,
  span = RETENTION_MS,
  columns = 48,
  height = 24,
  muted = false,
  axis = false,
}: HealthHistoryStripProps) {
  const colors = paletteOf(useTheme());
  // A column lasts long enough that moving it on once a minute is plenty.
  const to = Math.ceil(useNow() / 60_000) * 60_000;
  const buckets = useMemo(
    () => bucketize(results ?? [], to - span, to, columns),
    [results, to, span, columns],
  );
  const [pointed, setPointed] = useState<number | null>(null);
  const bucket = pointed === null ? undefined : buckets[pointed];
  const follow = (event: MouseEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    setPointed(Math.min(Math.max(column, 0), columns - 1));
  };
  return (
    <Box sx={{ minWidth: 0 }}>
      <Tooltip
        followCursor
        disableInteractive
        title={
          bucket && (
            <>
              {formatShort(bucket.from)} – {formatShort(bucket.to)}
              <br />
              {cutOff !== null && bucket.to <= cutOff ? 'Older results are not shown' : bucketWords(bucket)}
            </>
          )
        }
      >
        <svg
          role="img"
          aria-label={
            results === undefined ? 'History is loading' : historySentence(results, buckets, cutOff)
          }
          viewBox={`0 0 ${columns} ${height}`}
          preserveAspectRatio="none"
          width="100%"
          height={height}
          onMouseMove={follow}
          onMouseLeave={() => setPointed(null)}
          opacity={results === undefined ? 0.4 : muted ? 0.45 : 1}
        >
          {buckets.map((each, index) => {
            if (cutOff !== null && each.to <= cutOff) return null;
            const kind = bucketKind(each);
            const { top, height: part } = SHAPES[kind];
            const failed = each.unhealthy + each.unseen;
            const share = kind === 'mixed' ? failed / (failed + each.healthy) : 1;
            // However seldom it failed, the failure is to be seen.
            const failedHeight = Math.max(share, 0.35) * height;
            return (
              <g key={index} data-kind={kind}>
                {kind === 'mixed' && (
                  <rect
                    x={index}
                    y={failedHeight}
                    width={0.78}
                    height={height - failedHeight}
                    fill={colors.success.main}
                  />
                )}
                <rect
                  x={index}
                  y={top * height}
                  width={0.78}
                  height={kind === 'mixed' ? failedHeight : part * height}
                  fill={
                    kind === 'healthy'
                      ? colors.success.main
                      : kind === 'gap'
                        ? colors.text.disabled
                        : colors.error.main
                  }
                />
              </g>
            );
          })}
        </svg>
      </Tooltip>
      {axis && (
        <Box sx={{ display: 'flex', justifyContent: 'space-between' }} aria-hidden="true">
          <Typography variant="caption" color="text.secondary">
            {formatShort(to - span)}
          </Typography>
          <Typography variant="caption" color="text.secondary">
            now
          </Typography>
        </Box>
      )}
    </Box>
  );
}
