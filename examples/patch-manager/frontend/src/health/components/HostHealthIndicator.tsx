import { Box, Tooltip } from '@mui/material';
import type { HostHealth } from '../api/types';
import { useNow } from '../hooks/useNow';
import { hostSentence, hostWords } from '../model/status';
import { formatAge } from '../model/time';
import { HealthStatusIcon } from './HealthStatusIcon';

/** Properties of {@link HostHealthIndicator}. */
export interface HostHealthIndicatorProps {
  /** The counts, from the summary or from the application's own host list. */
  health: HostHealth;
  /** The icon's size in pixels. */
  size?: number;
}

/** A host's checks in one glance: all healthy, n of m unhealthy, unknown, or none. */
export function HostHealthIndicator({ health, size = 18 }: HostHealthIndicatorProps) {
  return (
    <Tooltip title={<Explanation health={health} />} describeChild>
      <Box
        component="span"
        sx={{ display: 'inline-flex', verticalAlign: 'middle', fontVariantNumeric: 'tabular-nums' }}
      >
        <HealthStatusIcon status={health.status} label={hostWords(health)} size={size} />
      </Box>
    </Tooltip>
  );
}

function Explanation({ health }: { health: HostHealth }) {
  const now = useNow();
  const oldest = health.oldest_checked_at;
  return (
    <>
      {hostSentence(health)}
      {oldest != null && (
        <>
          <br />
          Oldest result: {formatAge(oldest, now)}
        </>
      )}
    </>
  );
}
