import { Alert, Box, Link, Stack, Typography } from '@mui/material';
import { useState } from 'react';
import { Link as RouterLink } from 'react-router';
import type { JobHost } from '../../app/api/types';
import { JobHostChip } from '../../app/StateChip';
import {
  GateStatusPanel,
  messageOf,
  OverrideDialog,
  useOverride,
  VerificationSummary,
  type Gate,
} from '../../health';

/** Properties of {@link JobHostCard}. */
export interface JobHostCardProps {
  jobId: string;
  host: JobHost;
  /** The gate with its attempts; `null` before it is opened. */
  gate: Gate | null;
  canOverride: boolean;
}

/** A job on one host: its state, its gate, and how the checks are after the patch. */
export function JobHostCard({ jobId, host, gate, canOverride }: JobHostCardProps) {
  const [overriding, setOverriding] = useState(false);
  const { takeBack } = useOverride(jobId, host.host_id);
  // Until a gate lets the job go, its panel says everything that the sentence does, and better.
  const told = gate !== null && gate.state !== 'spent';
  return (
    <Stack spacing={1.25} sx={{ p: 2 }} data-host={host.host_name}>
      <Stack direction="row" spacing={1} sx={{ alignItems: 'center', justifyContent: 'space-between' }}>
        <Typography variant="h6" component="h2" sx={{ overflowWrap: 'anywhere', minWidth: 0 }}>
          <Link component={RouterLink} to={`/hosts/${host.host_id}`} color="inherit">
            {host.host_name}
          </Link>
        </Typography>
        <JobHostChip status={host.status} />
      </Stack>
      {host.detail !== '' && !told && (
        <Typography
          variant="body2"
          sx={{ overflowWrap: 'anywhere', '&::first-letter': { textTransform: 'uppercase' } }}
        >
          {host.detail}
        </Typography>
      )}
      {gate !== null && (
        <GateStatusPanel
          gate={gate}
          onOverride={canOverride ? () => setOverriding(true) : undefined}
          onTakeBack={canOverride ? () => takeBack.mutate() : undefined}
          takingBack={takeBack.isPending}
        />
      )}
      {takeBack.isError && <Alert severity="error">{messageOf(takeBack.error)}</Alert>}
      {host.verification != null && (
        <Box sx={{ borderTop: 1, borderColor: 'divider', pt: 1.25 }}>
          <VerificationSummary verification={host.verification} />
        </Box>
      )}
      {overriding && gate !== null && (
        <OverrideDialog
          open
          jobId={jobId}
          gate={gate}
          hostName={host.host_name}
          onClose={() => setOverriding(false)}
        />
      )}
    </Stack>
  );
}
