import { Box, Typography } from '@mui/material';
import type { Recheck } from '../api/types';
import { RECHECK_WORDS, recheckReason, recheckSentence } from '../model/recheck';
import { HealthStatusIcon } from './HealthStatusIcon';

/** Properties of {@link RecheckSummary}. */
export interface RecheckSummaryProps {
  /** The library's `Recheck`, as the application keeps it with its job. */
  recheck: Recheck;
}

/** What the checks said after the patch, against what they said when the pass was given. */
export function RecheckSummary({ recheck }: RecheckSummaryProps) {
  if (recheck.checks.length === 0) return null;
  return (
    <Box>
      <Typography variant="subtitle2" component="h4">
        After the patch: {recheckSentence(recheck)}
      </Typography>
      <Box component="ul" sx={{ listStyle: 'none', m: 0, p: 0 }}>
        {recheck.checks.map((check, index) => {
          const reason = recheckReason(check);
          return (
            <Box
              component="li"
              key={check.check_id ?? `${check.name} ${index}`}
              sx={{ display: 'flex', gap: 1, py: 0.25, overflowWrap: 'anywhere' }}
            >
              <Box sx={{ pt: '2px', lineHeight: 0 }}>
                <HealthStatusIcon
                  iconOnly
                  size={16}
                  status={check.now == null ? 'none' : check.now.healthy ? 'healthy' : 'unhealthy'}
                />
              </Box>
              <Typography variant="body2">
                <strong>{check.name}</strong>: {RECHECK_WORDS[check.change]}
                {reason !== '' && ` – ${reason}`}
              </Typography>
            </Box>
          );
        })}
      </Box>
    </Box>
  );
}
