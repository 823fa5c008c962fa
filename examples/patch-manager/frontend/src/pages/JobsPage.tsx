import {
  Box,
  Button,
  Link,
  Paper,
  Table,
  TableBody,
  TableCell,
  TableContainer,
  TableHead,
  TableRow,
  Typography,
} from '@mui/material';
import { Link as RouterLink } from 'react-router';
import { useJobs, useRights } from '../app/api/hooks';
import type { Job } from '../app/api/types';
import { DeployIcon } from '../app/icons';
import { Empty, LoadError, Page, Waiting } from '../app/Page';
import { Pager, useCursor } from '../app/Pager';
import { JobChip } from '../app/StateChip';
import { jobSentence, shortId } from '../app/words';
import { count, formatRange, formatShort, RelativeTime, visuallyHidden } from '../health';

const wide = { display: { xs: 'none', sm: 'table-cell' } };

/** Every job, newest first, with where its hosts stand in words. */
export default function JobsPage() {
  const { canEdit } = useRights();
  const { cursor, pager } = useCursor();
  const jobs = useJobs(cursor);
  return (
    <Page
      title="Jobs"
      subtitle="Running, waiting and finished jobs, newest first."
      actions={
        canEdit && (
          <Button variant="contained" startIcon={<DeployIcon />} component={RouterLink} to="/deploy">
            Deploy…
          </Button>
        )
      }
    >
      <Paper variant="outlined">
        {jobs.isError && (
          <Box sx={{ p: 1.5 }}>
            <LoadError what="The jobs" error={jobs.error} onRetry={() => void jobs.refetch()} />
          </Box>
        )}
        {jobs.isPending && <Waiting label="Loading the jobs" />}
        {jobs.data?.jobs.length === 0 && (
          <Empty title="No jobs">{canEdit && 'Deploy patches to some hosts to see one here.'}</Empty>
        )}
        {jobs.data !== undefined && jobs.data.jobs.length > 0 && (
          <TableContainer>
            <Table size="small">
              <caption style={visuallyHidden}>Jobs, newest first</caption>
              <TableHead>
                <TableRow>
                  <TableCell>Job</TableCell>
                  <TableCell>State</TableCell>
                  <TableCell>Hosts</TableCell>
                  <TableCell sx={wide}>When</TableCell>
                  <TableCell sx={wide}>Submitted</TableCell>
                </TableRow>
              </TableHead>
              <TableBody>
                {jobs.data.jobs.map((job) => (
                  <JobRow key={job.id} job={job} />
                ))}
              </TableBody>
            </Table>
          </TableContainer>
        )}
        {jobs.data !== undefined && (
          <Pager
            {...pager(jobs.data.next_cursor ?? null)}
            words={`${count(jobs.data.jobs.length, 'job')} on this page`}
          />
        )}
      </Paper>
    </Page>
  );
}

function JobRow({ job }: { job: Job }) {
  return (
    <TableRow hover>
      <TableCell component="th" scope="row" sx={{ whiteSpace: 'nowrap' }}>
        <Link
          component={RouterLink}
          to={`/jobs/${job.id}`}
          sx={{ fontWeight: 600, fontVariantNumeric: 'tabular-nums' }}
          aria-label={`Job ${shortId(job.id)}`}
        >
          {shortId(job.id)}
        </Link>
        {(job.name != null || job.kind === 'rollback') && (
          <Typography variant="caption" component="div" color="text.secondary">
            {[job.name, job.kind === 'rollback' && 'rollback'].filter(Boolean).join(' · ')}
          </Typography>
        )}
      </TableCell>
      <TableCell>
        <JobChip job={job} />
      </TableCell>
      <TableCell>
        {jobSentence(job)}
        <Typography variant="caption" color="text.secondary" component="div">
          {count(job.host_count, 'host')}
        </Typography>
      </TableCell>
      <TableCell sx={wide}>{timingWords(job)}</TableCell>
      <TableCell sx={wide}>
        <RelativeTime instant={job.created_at} /> by {job.created_by}
      </TableCell>
    </TableRow>
  );
}

/** What bounds the job: now, a window of its own, or each host's. */
export function timingWords(job: Pick<Job, 'immediate' | 'window' | 'report_only' | 'dry_run'>): string {
  if (job.dry_run) return 'dry run: nothing is patched';
  const when =
    job.window == null
      ? 'each host’s maintenance window'
      : job.immediate
        ? `now, waits until ${formatShort(job.window.closes_at)}`
        : formatRange(job.window.opens_at, job.window.closes_at);
  return job.report_only ? `${when}; report only` : when;
}
