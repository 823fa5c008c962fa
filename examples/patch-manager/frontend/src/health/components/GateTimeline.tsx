import { Box, Button, Typography } from '@mui/material';
import { useState } from 'react';
import type { Attempt, Gate, GateNote } from '../api/types';
import { reasonWords } from '../model/reasons';
import { zoneOf } from '../model/gate';
import {
  besideInUtc,
  count,
  formatDuration,
  formatInstant,
  formatLatency,
  toMillis,
  type Zone,
} from '../model/time';
import { HealthStatusIcon } from './HealthStatusIcon';

/** Properties of {@link GateTimeline}. */
export interface GateTimelineProps {
  /** The gate with its attempts. */
  gate: Gate;
  /** The zone of the times; the window's own where absent. UTC is always shown beside it. */
  timeZone?: Zone;
  /** How many of the newest attempts are shown at first. */
  shown?: number;
}

/** Every attempt of a gate and what happened in between, newest first. */
export function GateTimeline({ gate, timeZone = zoneOf(gate), shown = 5 }: GateTimelineProps) {
  const [all, setAll] = useState(false);
  const entries = entriesOf(gate);
  const visible = all ? entries : entries.slice(0, shown);
  if (entries.length === 0) {
    return (
      <Typography variant="body2" color="text.secondary">
        No attempt has been made.
      </Typography>
    );
  }
  return (
    <Box>
      <Box component="ol" reversed sx={{ listStyle: 'none', m: 0, p: 0 }} aria-label="Attempts, newest first">
        {visible.map((entry) => (
          <Box
            component="li"
            key={entry.key}
            sx={{
              position: 'relative',
              pl: 3,
              pb: 1.5,
              '&::before': {
                content: '""',
                position: 'absolute',
                left: 5,
                top: 8,
                bottom: -8,
                width: '2px',
                bgcolor: 'divider',
              },
              '&:last-of-type::before': { display: 'none' },
            }}
          >
            <Box
              aria-hidden="true"
              sx={{
                position: 'absolute',
                left: 0,
                top: 5,
                width: 12,
                height: 12,
                borderRadius: entry.attempt !== undefined && !passed(entry.attempt) ? '3px' : '50%',
                bgcolor: entry.attempt === undefined ? 'info.main' : dotColor(entry.attempt),
                border: 2,
                borderColor: 'background.paper',
              }}
            />
            {entry.attempt !== undefined && <AttemptEntry attempt={entry.attempt} timeZone={timeZone} />}
            {entry.note !== undefined && (
              <Typography variant="body2" sx={{ overflowWrap: 'anywhere' }}>
                {entry.note.text}
                <Typography component="span" variant="body2" color="text.secondary">
                  {' · '}
                  <Moment instant={entry.note.at} timeZone={timeZone} />
                </Typography>
              </Typography>
            )}
          </Box>
        ))}
      </Box>
      {entries.length > shown && (
        <Button size="small" onClick={() => setAll(!all)} aria-expanded={all}>
          {all ? 'Show fewer' : `Show all ${entries.length}`}
        </Button>
      )}
    </Box>
  );
}

interface Entry {
  key: string;
  at: string;
  attempt?: Attempt;
  note?: GateNote;
}

function entriesOf(gate: Gate): Entry[] {
  const attempts = gate.attempts.map((attempt): Entry => ({
    key: `attempt ${attempt.number}`,
    at: attempt.started_at,
    attempt,
  }));
  const notes = gate.notes.map((note, index): Entry => ({ key: `note ${index}`, at: note.at, note }));
  return [...attempts, ...notes].sort((a, b) => toMillis(b.at) - toMillis(a.at));
}

function passed(attempt: Attempt): boolean {
  return attempt.checks.every((check) => check.healthy);
}

function dotColor(attempt: Attempt): string {
  if (attempt.outcome !== 'finished') return 'text.disabled';
  return passed(attempt) ? 'success.main' : 'error.main';
}

function outcome(attempt: Attempt): string {
  if (attempt.outcome === 'running') return 'running now';
  if (attempt.outcome === 'interrupted') return 'interrupted';
  if (attempt.outcome === 'unreadable') return 'its record cannot be read';
  const failed = attempt.checks.filter((check) => !check.healthy).length;
  if (failed === 0) return `${count(attempt.checks.length, 'check')} healthy`;
  return `${failed} of ${count(attempt.checks.length, 'check')} failed`;
}

/** "Tue 24 Nov 2026, 14:03:22 CET · 13:03:22 UTC" */
function Moment({ instant, timeZone }: { instant: string; timeZone: Zone }) {
  const utc = besideInUtc(instant, timeZone, true);
  return (
    <time dateTime={instant}>
      {formatInstant(instant, timeZone)}
      {utc !== '' && ` · ${utc}`}
    </time>
  );
}

function AttemptEntry({ attempt, timeZone }: { attempt: Attempt; timeZone: Zone }) {
  const took =
    attempt.finished_at == null ? null : toMillis(attempt.finished_at) - toMillis(attempt.started_at);
  return (
    <>
      <Typography variant="body2">
        <strong>Attempt {attempt.number}</strong> · {outcome(attempt)}
        <Typography component="span" variant="body2" color="text.secondary">
          {' · '}
          <Moment instant={attempt.started_at} timeZone={timeZone} />
          {took !== null && took >= 1_000 && `, took ${formatDuration(took)}`}
        </Typography>
      </Typography>
      <Box component="ul" sx={{ listStyle: 'none', m: 0, mt: 0.25, p: 0 }}>
        {attempt.checks.map((check, index) => (
          <Box
            component="li"
            key={check.check_id ?? `${check.name} ${index}`}
            sx={{ display: 'flex', gap: 0.75, alignItems: 'baseline', overflowWrap: 'anywhere' }}
          >
            <Box component="span" sx={{ position: 'relative', top: 3 }}>
              <HealthStatusIcon iconOnly size={15} status={check.healthy ? 'healthy' : 'unhealthy'} />
            </Box>
            <Typography variant="body2" component="span" color="text.secondary" sx={{ minWidth: 0 }}>
              <Box component="span" sx={{ color: 'text.primary' }}>
                {check.name}
              </Box>
              {!check.healthy && `: ${reasonWords(check.reason).title}`}
              {!check.healthy && check.detail !== '' && ` – ${check.detail}`}
              {check.latency_ms != null && ` (${formatLatency(check.latency_ms)})`}
            </Typography>
          </Box>
        ))}
      </Box>
    </>
  );
}
