import { Box, Typography } from '@mui/material';
import type { Verification } from '../api/types';
import { RECHECK_WORDS, verificationSentence, verifiedReason } from '../model/verification';
import { HealthStatusIcon } from './HealthStatusIcon';

/** Properties of {@link VerificationSummary}. */
export interface VerificationSummaryProps {
  /** How the host stands after its patch. */
  verification: Verification;
}

/** What the checks said after the patch, against what they said when the pass was given. */
export function VerificationSummary({ verification }: VerificationSummaryProps) {
  return (
    <Box>
      <Typography variant="subtitle2" component="h3">
        After the patch: {verificationSentence(verification)}
      </Typography>
      <Box component="ul" sx={{ listStyle: 'none', m: 0, p: 0 }}>
        {verification.checks.map((check, index) => {
          const reason = verifiedReason(check);
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
                {!check.counted && ' (does not count)'}
                {reason !== '' && ` – ${reason}`}
              </Typography>
            </Box>
          );
        })}
      </Box>
    </Box>
  );
}
