import { Alert, Button, Paper, Skeleton } from '@mui/material';
import { useState } from 'react';
import { useParams, useSearchParams } from 'react-router';
import { isJobOver, useCancelJob, useJob, useRights } from '../app/api/hooks';
import type { Job, JobHost } from '../app/api/types';
import { LoadError, Page } from '../app/Page';
import { JobChip } from '../app/StateChip';
import { shortId } from '../app/words';
import { ConfirmDialog, count, formatInstant } from '../health';
import { timingWords } from './JobsPage';
import { JobBulkBar } from './jobs/JobBulkBar';
import { JobHostCard } from './jobs/JobHostCard';
import { JobSummary } from './jobs/JobSummary';
import { JobTable } from './jobs/JobTable';
import { RolloutPanel } from './jobs/RolloutPanel';
import { CAUSE_WORDS, STATES, stateOf, type Cause, type Filter, type State } from './jobs/state';
import { WaitingFor } from './jobs/WaitingFor';

const TRAIL = [{ label: 'Jobs', to: '/jobs' }];
const WAITING: ReadonlySet<State> = new Set(['blocked', 'checks', 'window', 'turn', 'queued']);

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
  const cancel = useCancelJob(job.id);
  const { canEdit, canOverride } = useRights();
  const [asking, setAsking] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const { filter, setFilter, open, setOpen } = useView();
  const over = isJobOver(job.status);
  const hosts = job.hosts ?? [];
  const many = !over && hosts.length > MANY_HOSTS;
  const [only] = hosts;
  const card = (host: JobHost) => (
    <JobHostCard jobId={job.id} host={host} canOverride={canOverride && !over} />
  );
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
          <JobChip job={job} />
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
          Report only: hosts are patched although their checks fail. The gates record what they would have
          done.
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
      {hosts.length === 1 && only !== undefined ? (
        <Paper variant="outlined">{card(only)}</Paper>
      ) : (
        <>
          <JobSummary hosts={hosts} steady={many} filter={filter} onFilter={setFilter} />
          {!over && (
            <WaitingFor
              jobId={job.id}
              expected={hosts.some((host) => WAITING.has(stateOf(host)))}
              many={many}
            />
          )}
          <JobTable
            hosts={hosts}
            filter={filter}
            onFilter={setFilter}
            open={open}
            onOpen={setOpen}
            details={card}
            {...(canEdit && {
              selection: {
                chosen,
                onChoose: setChosen,
                bar: (shown: readonly JobHost[]) => (
                  <JobBulkBar
                    jobId={job.id}
                    hosts={hosts}
                    shown={shown}
                    chosen={chosen}
                    onChoose={setChosen}
                    canOverride={canOverride}
                    over={over}
                    repeatable={job.kind === 'patch'}
                  />
                ),
              },
            })}
          />
        </>
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

/** Beyond this number, states and reasons change too often to give them room as they come. */
const MANY_HOSTS = 500;

/** What is shown of a job, kept in the address: a link, Back and a reload show the same. */
function useView() {
  const [parameters, setParameters] = useSearchParams();
  const change = (part: Record<string, string | null | undefined>) =>
    setParameters(
      (before) => {
        const next = new URLSearchParams(before);
        for (const [name, value] of Object.entries(part)) {
          if (value === undefined) continue;
          if (value === null || value === '') next.delete(name);
          else next.set(name, value);
        }
        return next;
      },
      { replace: true, preventScrollReset: true },
    );
  const [state, cause] = [parameters.get('state'), parameters.get('cause')];
  const filter: Filter = {
    state: STATES.includes(state as State) ? (state as State) : null,
    cause: cause !== null && Object.hasOwn(CAUSE_WORDS, cause) ? (cause as Cause) : null,
    q: parameters.get('q') ?? '',
  };
  return {
    filter,
    setFilter: ({ state, cause, q }: Partial<Filter>) => change({ state, cause, q }),
    open: parameters.get('host'),
    setOpen: (host: string | null) => change({ host }),
  };
}
