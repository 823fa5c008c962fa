import { Box, Tooltip, Typography } from '@mui/material';
import type { MaintenanceWindow } from '../../app/api/types';
import { formatDuration, formatRange, formatShort, toMillis, UTC, useNow, zoneOf } from '../../health';

/** When a window is open: for how much longer, or from when on. */
export function Occurrence({ window }: { window: MaintenanceWindow }) {
  const now = useNow();
  const range = window.occurrence;
  if (range == null) {
    return (
      <Typography component="span" variant="inherit" color="text.secondary">
        no further occurrence
      </Typography>
    );
  }
  const zone = zoneOf(window, UTC);
  const open = toMillis(range.opens_at) <= now && now < toMillis(range.closes_at);
  return (
    <Tooltip
      describeChild
      title={
        <>
          {formatRange(range.opens_at, range.closes_at, zone)}
          <br />
          {formatRange(range.opens_at, range.closes_at, UTC)}
        </>
      }
    >
      <span>
        {open ? (
          <>
            <Box component="strong" sx={{ color: 'success.main' }}>
              Open
            </Box>{' '}
            for {formatDuration(toMillis(range.closes_at) - now)} more
          </>
        ) : (
          <>
            {formatShort(range.opens_at, zone)}, in {formatDuration(toMillis(range.opens_at) - now)}
          </>
        )}
      </span>
    </Tooltip>
  );
}
