import { Box, Link, Stack, Typography } from '@mui/material';
import { Link as RouterLink } from 'react-router';
import {
  JOBS_READ,
  useJobExplanations,
  useUnfinishedJobs,
  waitingHosts,
  waitingJobs,
} from '../../app/api/overview';
import type { Job } from '../../app/api/types';
import { JobChip } from '../../app/StateChip';
import { causeWords, clearsWords, jobSentence, shortId } from '../../app/words';
import { count, messageOf, type ExplanationGroup } from '../../health';
import { Card } from './Card';

/** The jobs that are shown with their reasons. */
const SHOWN_JOBS = 6;
/** The reasons that are shown of each. */
const SHOWN_REASONS = 3;

/** The jobs of which hosts wait: what they wait for, and what clears it. */
export function WaitingJobs() {
  const jobs = useUnfinishedJobs();
  const waiting = waitingJobs(jobs.data ?? []);
  const shown = waiting.slice(0, SHOWN_JOBS);
  const explanations = useJobExplanations(shown.map((job) => job.id));
  const hosts = waiting.reduce((sum, job) => sum + waitingHosts(job), 0);
  const busy = (jobs.data?.length ?? 0) - waiting.length;
  return (
    <Card
      title="Waiting jobs"
      more={{ label: 'All jobs', to: '/jobs' }}
      query={jobs}
      summary={
        <>
          {waiting.length === 0
            ? 'No job waits.'
            : `${count(waiting.length, 'job')} with ${count(hosts, 'host')} that ${hosts === 1 ? 'waits' : 'wait'}.`}
          {busy > 0 &&
            ` ${count(busy, 'more job')} ${busy === 1 ? 'is' : 'are'} running and ${busy === 1 ? 'waits' : 'wait'} for nothing.`}
        </>
      }
    >
      {shown.length > 0 && (
        <Stack component="ul" spacing={1.5} sx={{ m: 0, p: 0, listStyle: 'none' }} aria-label="Waiting jobs">
          {shown.map((job, index) => (
            <JobEntry key={job.id} job={job} explanation={explanations[index]} />
          ))}
        </Stack>
      )}
      {waiting.length > shown.length && (
        <Typography variant="body2" color="text.secondary">
          And {count(waiting.length - shown.length, 'more job')} among the newest {JOBS_READ}.
        </Typography>
      )}
    </Card>
  );
}

interface JobEntryProps {
  job: Job;
  explanation: { data?: { groups: ExplanationGroup[] } | undefined; error: unknown } | undefined;
}

function JobEntry({ job, explanation }: JobEntryProps) {
  const groups = explanation?.data?.groups ?? [];
  const more = groups.length - SHOWN_REASONS;
  return (
    <Box component="li" sx={{ borderTop: 1, borderColor: 'divider', pt: 1.25 }} data-job={job.id}>
      <Stack direction="row" spacing={1} sx={{ alignItems: 'center', justifyContent: 'space-between' }}>
        <Link
          component={RouterLink}
          to={`/jobs/${job.id}`}
          sx={{ fontWeight: 600, overflowWrap: 'anywhere', minWidth: 0 }}
        >
          {job.name ?? `Job ${shortId(job.id)}`}
        </Link>
        <JobChip job={job} />
      </Stack>
      <Typography variant="body2" color="text.secondary">
        {count(job.host_count, 'host')}: {jobSentence(job)}
      </Typography>
      {explanation?.error != null && explanation.data === undefined && (
        <Typography variant="body2" color="error.main">
          The reasons could not be loaded. {messageOf(explanation.error)}
        </Typography>
      )}
      {groups.length > 0 && (
        <Stack component="ul" spacing={0.75} sx={{ m: 0, mt: 0.75, pl: 2.5 }}>
          {groups.slice(0, SHOWN_REASONS).map((group) => (
            <li key={`${group.cause} ${group.detail} ${group.clears}`}>
              <Typography variant="body2" sx={{ overflowWrap: 'anywhere' }}>
                <strong>{count(group.count, 'host')}</strong>: {causeWords(group)}
              </Typography>
              <Typography variant="body2" color="text.secondary" sx={{ overflowWrap: 'anywhere' }}>
                {clearsWords(group)}
              </Typography>
            </li>
          ))}
        </Stack>
      )}
      {more > 0 && (
        <Typography variant="body2" color="text.secondary" sx={{ mt: 0.5 }}>
          And {count(more, 'more reason')}.
        </Typography>
      )}
    </Box>
  );
}
