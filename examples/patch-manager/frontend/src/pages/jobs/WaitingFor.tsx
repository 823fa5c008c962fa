import { Paper, Skeleton, Stack, Typography } from '@mui/material';
import { causeWords, clearsWords } from '../../app/words';
import { count, useJobExplanation } from '../../health';

/** Properties of {@link WaitingFor}. */
export interface WaitingForProps {
  jobId: string;
  /** Some hosts wait, so that there will be reasons. */
  expected: boolean;
  /** Many hosts, whose reasons come and go: the list below must not move with them. */
  many: boolean;
}

/** What the hosts of a job wait for, the most common first: what clears it, and when they can pass. */
export function WaitingFor({ jobId, expected, many }: WaitingForProps) {
  const { data, isPending } = useJobExplanation(jobId);
  const groups = data?.groups ?? [];
  // Keeps the place of the first reason, so that the list below does not move when it comes.
  const height = many ? MANY_REASONS : FIRST_REASON;
  if (isPending && (expected || many))
    return <Skeleton variant="rounded" height={height} aria-hidden="true" />;
  if (groups.length === 0 && !many) return null;
  return (
    <Paper
      variant="outlined"
      component="section"
      aria-label="What hosts wait for"
      // What scrolls has to be reached by the keyboard.
      tabIndex={many ? 0 : undefined}
      sx={{ px: 2, py: 1.5, ...(many && { height, overflowY: 'auto' }) }}
    >
      {groups.length === 0 && (
        <Typography variant="body2" color="text.secondary">
          No host waits for anything.
        </Typography>
      )}
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
/** The height of a list with two reasons, which scrolls beyond them. */
const MANY_REASONS = 118;
