import { Link, Paper, Stack, Typography } from '@mui/material';
import { useId } from 'react';
import { Link as RouterLink } from 'react-router';
import { useHostJobs } from '../../app/api/hooks';
import { ToneChip } from '../../app/StateChip';
import { JOB_HOST_STATUS, shortId } from '../../app/words';
import { formatShort } from '../../health';

/** The jobs that wait for a host or work on it. */
export function HostJobs({ hostId }: { hostId: string }) {
  const id = useId();
  const jobs = useHostJobs(hostId).data?.jobs;
  if (jobs === undefined || jobs.length === 0) return null;
  return (
    <Paper variant="outlined" component="section" aria-labelledby={id} sx={{ px: 2, py: 1.5 }}>
      <Typography id={id} variant="h6" component="h2">
        Jobs for this host
      </Typography>
      <Stack component="ul" spacing={1} sx={{ listStyle: 'none', p: 0, m: 0, mt: 1 }}>
        {jobs.map((job) => (
          <Stack
            key={job.id}
            component="li"
            direction="row"
            spacing={1}
            useFlexGap
            sx={{ flexWrap: 'wrap', alignItems: 'center' }}
          >
            <Link component={RouterLink} to={`/jobs/${job.id}?host=${hostId}`} sx={{ fontWeight: 600 }}>
              {job.name ?? `Job ${shortId(job.id)}`}
            </Link>
            <ToneChip {...JOB_HOST_STATUS[job.status]} />
            <Typography variant="body2" color="text.secondary" sx={{ overflowWrap: 'anywhere' }}>
              {job.detail !== '' && `${job.detail} · `}
              window closes {formatShort(job.closes_at)} · by {job.created_by}
            </Typography>
          </Stack>
        ))}
      </Stack>
    </Paper>
  );
}
