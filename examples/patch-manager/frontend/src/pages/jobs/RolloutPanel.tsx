import { Alert, Box, Button, Paper, Stack, Typography } from '@mui/material';
import { useId, useState } from 'react';
import type { Rollout } from '../../app/api/types';
import { ToneChip } from '../../app/StateChip';
import { ROLLOUT_STATE } from '../../app/words';
import { ResumeDialog } from './ResumeDialog';

/** Properties of {@link RolloutPanel}. */
export interface RolloutPanelProps {
  jobId: string;
  rollout: Rollout;
  /** Whether the user may let a halted rollout go on. */
  canResume: boolean;
  /** The job has ended: there is nothing left to resume. */
  over: boolean;
}

/** Where a job's rollout stands; where it was halted, why, and the way on. */
export function RolloutPanel({ jobId, rollout, canResume, over }: RolloutPanelProps) {
  const id = useId();
  const [resuming, setResuming] = useState(false);
  const halted = rollout.state === 'halted';
  const facts: [string, string][] = [
    ['Stage', rollout.stage < rollout.stages ? `${rollout.stage + 1} of ${rollout.stages}` : 'all hosts'],
    ['Patched', `${rollout.spent} of ${rollout.admitted} in this stage`],
    ['Being patched or verified', `${rollout.in_flight} of at most ${rollout.max_in_flight}`],
    ['Failed', `${rollout.used}, ${rollout.failure_budget} allowed`],
  ];
  return (
    <Paper variant="outlined" component="section" aria-labelledby={id} sx={{ p: 2 }}>
      <Stack spacing={1.25}>
        <Stack direction="row" spacing={1} sx={{ alignItems: 'center', justifyContent: 'space-between' }}>
          <Typography id={id} variant="h6" component="h2">
            Rollout
          </Typography>
          <ToneChip {...ROLLOUT_STATE[rollout.state]} />
        </Stack>
        <Box component="dl" sx={{ display: 'flex', flexWrap: 'wrap', columnGap: 4, rowGap: 1, m: 0 }}>
          {facts.map(([name, value]) => (
            <Box key={name}>
              <Typography component="dt" variant="body2" color="text.secondary">
                {name}
              </Typography>
              <Typography component="dd" sx={{ m: 0 }}>
                {value}
              </Typography>
            </Box>
          ))}
        </Box>
        {halted && (
          <Alert
            severity="error"
            action={
              canResume &&
              !over && (
                <Button color="inherit" size="small" onClick={() => setResuming(true)}>
                  Resume…
                </Button>
              )
            }
          >
            <strong>Halted:</strong> {rollout.reason ?? 'more hosts failed than the job allows'}.
            {!over &&
              ` No further host is patched until ${canResume ? 'you resume it' : 'an administrator resumes it'}.`}
          </Alert>
        )}
      </Stack>
      <ResumeDialog jobId={jobId} open={halted && !over && resuming} onClose={() => setResuming(false)} />
    </Paper>
  );
}
