import { Box, Typography } from '@mui/material';
import { readRecheck, RECHECK_WORDS } from '../model/recheck';
import { HealthStatusIcon } from './HealthStatusIcon';

/** Properties of {@link RecheckSummary}. */
export interface RecheckSummaryProps {
  /** The library's `Recheck`, as the application stored it. */
  recheck: unknown;
}

/** What the checks said after the patch, against what they said when the pass was given. */
export function RecheckSummary({ recheck }: RecheckSummaryProps) {
  const entries = readRecheck(recheck);
  if (entries.length === 0) return null;
  const broke = entries.filter((entry) => entry.change === 'broke').length;
  return (
    <Box>
      <Typography variant="subtitle2" component="h4">
        After the patch:{' '}
        {broke > 0
          ? `${broke} of ${entries.length} checks broke`
          : entries.every((entry) => entry.healthy !== false)
            ? 'every check is healthy'
            : 'nothing broke that was healthy before'}
      </Typography>
      <Box component="ul" sx={{ listStyle: 'none', m: 0, p: 0 }}>
        {entries.map((entry, index) => (
          <Box
            component="li"
            key={index}
            sx={{ display: 'flex', gap: 1, py: 0.25, overflowWrap: 'anywhere' }}
          >
            <Box sx={{ pt: '2px', lineHeight: 0 }}>
              <HealthStatusIcon
                iconOnly
                size={16}
                status={entry.healthy === null ? 'none' : entry.healthy ? 'healthy' : 'unhealthy'}
              />
            </Box>
            <Typography variant="body2">
              <strong>{entry.name}</strong>: {RECHECK_WORDS[entry.change]}
              {entry.reason !== '' && ` – ${entry.reason}`}
            </Typography>
          </Box>
        ))}
      </Box>
    </Box>
  );
}
