import { Paper, Skeleton, Stack, Typography } from '@mui/material';
import { causeWords, clearsWords } from '../../app/words';
import { count, useJobExplanation } from '../../health';

/** Properties of {@link WaitingFor}. */
export interface WaitingForProps {
  jobId: string;
  /** Some hosts wait, so that there will be reasons. */
  expected: boolean;
}

/** What the hosts of a job wait for, the most common first: what clears it, and when they can pass. */
export function WaitingFor({ jobId, expected }: WaitingForProps) {
  const { data, isPending } = useJobExplanation(jobId);
  const groups = data?.groups ?? [];
  // Keeps the place of the first reason, so that the list below does not move when it comes.
  if (isPending && expected) return <Skeleton variant="rounded" height={FIRST_REASON} aria-hidden="true" />;
  if (groups.length === 0) return null;
  return (
    <Paper variant="outlined" component="section" aria-label="What hosts wait for" sx={{ px: 2, py: 1.5 }}>
      <Stack component="ul" spacing={1} sx={{ m: 0, p: 0, listStyle: 'none' }}>
        {groups.slice(0, SHOWN).map((group) => (
          <li key={`${group.cause} ${group.detail}`}>
            <Typography variant="body2" sx={{ fontWeight: 600 }}>
              {count(group.count, 'host')} · {causeWords(group)}
            </Typography>
            <Typography variant="body2" color="text.secondary">
              {clearsWords(group)}
            </Typography>
          </li>
        ))}
      </Stack>
      {groups.length > SHOWN && (
        <Typography variant="body2" color="text.secondary" sx={{ mt: 1 }}>
          And {groups.length - SHOWN} more reasons.
        </Typography>
      )}
    </Paper>
  );
}

const SHOWN = 6;
/** The height of a list with one reason, in pixels. */
const FIRST_REASON = 66;
