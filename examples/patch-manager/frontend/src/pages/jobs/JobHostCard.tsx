import { Alert, Box, Link, Stack, Typography } from '@mui/material';
import { useState } from 'react';
import { Link as RouterLink } from 'react-router';
import type { JobHost } from '../../app/api/types';
import { useQueryClient } from '@tanstack/react-query';
import { useJobHost } from '../../app/api/hooks';
import { appKeys } from '../../app/api/keys';
import { ToneChip } from '../../app/StateChip';
import {
  GateStatusPanel,
  messageOf,
  OverrideDialog,
  useOverride,
  VerificationSummary,
  useHealthChecks,
} from '../../health';
import { shortId } from '../../app/words';
import { STATE_WORDS, stateOf } from './state';

/** Properties of {@link JobHostCard}. */
export interface JobHostCardProps {
  jobId: string;
  /** The host as the list has it, with the last attempt of its gate. */
  host: JobHost;
  canOverride: boolean;
}

/** A job on one host: its state, its gate, and how the checks are after the patch. */
export function JobHostCard({ jobId, host, canOverride }: JobHostCardProps) {
  const [overriding, setOverriding] = useState(false);
  const queries = useQueryClient();
  const whole = useJobHost(jobId, host.host_id).data?.gate;
  // The list may have been read later: what stands there is the newest, but for the attempts.
  const gate =
    host.gate == null || whole == null
      ? (host.gate ?? null)
      : { ...host.gate, attempts: whole.attempts, notes: whole.notes };
  const checks = useHealthChecks(host.host_id).data;
  const services = new Set(
    checks?.filter((check) => check.check_type === 'service').map((check) => check.id),
  );
  const isFault = host.status === 'failed' || host.status === 'unverified';
  const renew = () => void queries.invalidateQueries({ queryKey: appKeys.jobAndHosts(jobId) });
  const { takeBack } = useOverride(jobId, host.host_id);
  // Until a gate lets the job go, its panel says everything that the sentence does, and better: except what
  // it waits for that is not its own.
  const told = gate !== null && gate.state !== 'spent' && host.status !== 'waiting_for_slot';
  return (
    <Stack spacing={1.25} sx={{ p: 2 }} data-host={host.host_name}>
      <Stack direction="row" spacing={1} sx={{ alignItems: 'center', justifyContent: 'space-between' }}>
        <Typography variant="h6" component="h2" sx={{ overflowWrap: 'anywhere', minWidth: 0 }}>
          <Link component={RouterLink} to={`/hosts/${host.host_id}`} color="inherit">
            {host.host_name}
          </Link>
        </Typography>
        <ToneChip {...STATE_WORDS[stateOf(host)]} />
      </Stack>
      {host.blocked_by != null && (
        <Typography variant="body2">
          <Link component={RouterLink} to={`/jobs/${host.blocked_by}`}>
            Job {shortId(host.blocked_by)}
          </Link>{' '}
          holds this host. This job continues when that one has finished here.
        </Typography>
      )}
      {host.detail !== '' && isFault && !told && <Alert severity="error">{sentence(host.detail)}</Alert>}
      {host.detail !== '' && host.blocked_by == null && !isFault && !told && (
        <Typography variant="body2" sx={{ overflowWrap: 'anywhere' }}>
          {sentence(host.detail)}
        </Typography>
      )}
      {gate !== null && (
        <GateStatusPanel
          gate={gate}
          services={services}
          onOverride={canOverride ? () => setOverriding(true) : undefined}
          onTakeBack={canOverride ? () => takeBack.mutate(undefined, { onSettled: renew }) : undefined}
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
          onClose={() => {
            setOverriding(false);
            renew();
          }}
        />
      )}
    </Stack>
  );
}

/** A detail as a sentence of its own. */
function sentence(detail: string): string {
  return detail.charAt(0).toUpperCase() + detail.slice(1);
}
