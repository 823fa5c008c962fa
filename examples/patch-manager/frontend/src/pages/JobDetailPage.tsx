import { Alert, Box, Button, Chip, Paper, Skeleton, Stack, Typography } from '@mui/material';
import { useState } from 'react';
import { useParams } from 'react-router';
import { isJobOver, useCancelJob, useJob, useRights } from '../app/api/hooks';
import type { HostJobStatus, Job } from '../app/api/types';
import { LoadError, Page } from '../app/Page';
import { JobChip } from '../app/StateChip';
import { byUrgency, countByStatus, JOB_HOST_STATUS, shortId } from '../app/words';
import { ConfirmDialog, count, formatInstant, useJobGates } from '../health';
import { timingWords } from './JobsPage';
import { JobHostCard } from './jobs/JobHostCard';
import { RolloutPanel } from './jobs/RolloutPanel';
import { WaitingFor } from './jobs/WaitingFor';

const TRAIL = [{ label: 'Jobs', to: '/jobs' }];
const SHOWN = 20;

/** One job, host by host: where each gate stands and why, live. */
export default function JobDetailPage() {
  const { jobId = '' } = useParams();
  const job = useJob(jobId);
  const title = `Job ${shortId(jobId)}`;
  if (job.isError && job.data === undefined) {
    return (
      <Page title={title} trail={TRAIL}>
        <LoadError what="The job" error={job.error} onRetry={() => void job.refetch()} />
      </Page>
    );
  }
  if (job.data === undefined) {
    return (
      <Page title={title} trail={TRAIL}>
        <Skeleton variant="rounded" height={64} />
        <Skeleton variant="rounded" height={220} />
      </Page>
    );
  }
  return <Loaded key={job.data.id} job={job.data} title={title} />;
}

function Loaded({ job, title }: { job: Job; title: string }) {
  const gates = useJobGates(job.id);
  const cancel = useCancelJob(job.id);
  const { canEdit, canOverride } = useRights();
  const [asking, setAsking] = useState(false);
  const [filter, setFilter] = useState<HostJobStatus | null>(null);
  const [shown, setShown] = useState(SHOWN);
  const over = isJobOver(job.status);
  const byHost = new Map(gates.data?.map((gate) => [gate.host_id, gate]));
  const hosts = (job.hosts ?? [])
    .filter((host) => filter === null || host.status === filter)
    .toSorted((a, b) => byUrgency(a, b) || a.host_name.localeCompare(b.host_name));
  const counts = countByStatus(job);
  return (
    <Page
      title={title}
      trail={TRAIL}
      subtitle={
        <>
          {job.name != null && <>{job.name} · </>}
          {job.kind === 'rollback' ? 'Rollback' : 'Patch'} of {count(job.host_count, 'host')} ·{' '}
          {timingWords(job)} · by {job.created_by}, {formatInstant(job.created_at)}
        </>
      }
      actions={
        <>
          <JobChip status={job.status} />
          {canEdit && !over && (
            <Button color="error" variant="outlined" onClick={() => setAsking(true)}>
              Cancel job…
            </Button>
          )}
        </>
      }
    >
      {job.report_only && (
        <Alert severity="warning">
          Report only: the gates record what they would have done, and hold nothing back.
          {job.reason != null && <> Reason: “{job.reason}”</>}
        </Alert>
      )}
      {job.dry_run && (
        <Alert severity="info">
          Dry run: the checks ran once, and nothing was patched. Each host says what would have happened.
        </Alert>
      )}
      {job.kind === 'rollback' && job.reason != null && (
        <Alert severity="warning">Rollback: no gate held it back. Reason: “{job.reason}”</Alert>
      )}
      {job.rollout != null && (
        <RolloutPanel jobId={job.id} rollout={job.rollout} canResume={canOverride} over={over} />
      )}
      {counts.length > 1 && (
        <Box role="group" aria-label="Filter by state" sx={{ display: 'flex', flexWrap: 'wrap', gap: 0.75 }}>
          {counts.map(([status, number]) => (
            <Chip
              key={status}
              size="medium"
              clickable
              variant={filter === status ? 'filled' : 'outlined'}
              aria-pressed={filter === status}
              onClick={() => setFilter(filter === status ? null : status)}
              label={`${JOB_HOST_STATUS[status].word} (${number})`}
            />
          ))}
        </Box>
      )}
      {!over && job.host_count > 1 && <WaitingFor jobId={job.id} />}
      {gates.isError && (
        <LoadError what="The gates’ attempts" error={gates.error} onRetry={() => void gates.refetch()} />
      )}
      <Stack
        component="ul"
        spacing={1.5}
        sx={{ m: 0, p: 0, listStyle: 'none' }}
        aria-label="Hosts of this job"
      >
        {hosts.slice(0, shown).map((host) => (
          <Paper component="li" variant="outlined" key={host.host_id}>
            <JobHostCard
              jobId={job.id}
              host={host}
              gate={byHost.get(host.host_id) ?? host.gate ?? null}
              canOverride={canOverride && !over}
            />
          </Paper>
        ))}
      </Stack>
      {hosts.length > shown && (
        <Button onClick={() => setShown(shown + SHOWN)}>
          Show {Math.min(SHOWN, hosts.length - shown)} more of {hosts.length} hosts
        </Button>
      )}
      {hosts.length === 0 && (
        <Typography color="text.secondary">No host of this job is in this state any more.</Typography>
      )}
      <ConfirmDialog
        open={asking}
        title={`Cancel job ${shortId(job.id)}?`}
        confirm="Cancel the job"
        dismiss="Keep it"
        color="error"
        busy={cancel.isPending}
        error={cancel.error}
        onClose={() => setAsking(false)}
        onConfirm={() => cancel.mutate(undefined, { onSuccess: () => setAsking(false) })}
      >
        Hosts that are waiting will not be patched. Hosts that are being patched are patched to the end.
      </ConfirmDialog>
    </Page>
  );
}
