import { Box, Chip, Paper, Stack, Typography } from '@mui/material';
import type { JobHost } from '../../app/api/types';
import { count } from '../../health';
import {
  CAUSE_WORDS,
  mainCause,
  STATE_WORDS,
  stateOf,
  STATES,
  tally,
  type Cause,
  type Filter,
  type State,
} from './state';

/** Properties of {@link JobSummary}. */
export interface JobSummaryProps {
  hosts: readonly JobHost[];
  /** Many hosts change their states all the time: each figure has its place from the beginning. */
  steady: boolean;
  filter: Filter;
  onFilter: (part: Partial<Filter>) => void;
}

const ENDED: readonly State[] = ['succeeded', 'failed', 'unverified', 'cancelled'];
const CAUSES = Object.keys(CAUSE_WORDS) as Cause[];

/** How far a job has come, and what holds its hosts back: each figure shows its hosts. */
export function JobSummary({ hosts, steady, filter, onFilter }: JobSummaryProps) {
  const states = tally(hosts, stateOf, STATES);
  const figures = steady ? withZeros(states) : states;
  const causes = tally(hosts, mainCause, CAUSES);
  if (!steady) causes.sort(([, a], [, b]) => b - a);
  const ended = states.reduce((sum, [state, number]) => sum + (ENDED.includes(state) ? number : 0), 0);
  const digits = steady ? hosts.length.toLocaleString('en-GB').length : 0;
  const held = causes.reduce((sum, [, number]) => sum + number, 0);
  return (
    <Paper variant="outlined" component="section" aria-label="Progress" sx={{ px: 2, py: 1.5 }}>
      <Stack spacing={1.25}>
        <Typography sx={{ fontWeight: 600, fontVariantNumeric: 'tabular-nums' }}>
          {ended.toLocaleString('en-GB')} of {count(hosts.length, 'host')} done
          {held > 0 && `, ${held.toLocaleString('en-GB')} blocked`}
        </Typography>
        <Bar states={states} total={hosts.length} />
        <Box role="group" aria-label="Filter by state" sx={CHIPS}>
          {figures.map(([state, number]) => (
            <Choice
              key={state}
              digits={digits}
              label={STATE_WORDS[state].word}
              number={number}
              on={filter.state === state}
              onClick={() => onFilter({ state: filter.state === state ? null : state, cause: null })}
            />
          ))}
        </Box>
        {(causes.length > 0 || steady) && (
          <Box role="group" aria-label="Filter by cause" sx={{ ...CHIPS, minHeight: 32 }}>
            <Typography variant="body2" color="text.secondary">
              Blocked by: {causes.length === 0 && 'no check'}
            </Typography>
            {causes.map(([cause, number]) => (
              <Choice
                key={cause}
                digits={digits}
                label={CAUSE_WORDS[cause]}
                number={number}
                on={filter.cause === cause}
                onClick={() => onFilter({ cause: filter.cause === cause ? null : cause, state: null })}
              />
            ))}
          </Box>
        )}
      </Stack>
    </Paper>
  );
}

function withZeros(states: readonly [State, number][]): [State, number][] {
  const known = new Map(states);
  return STATES.map((state) => [state, known.get(state) ?? 0]);
}

const CHIPS = { display: 'flex', flexWrap: 'wrap', gap: 0.75, alignItems: 'center' } as const;

interface ChoiceProps {
  label: string;
  number: number;
  /** The digits that there is room for. */
  digits: number;
  on: boolean;
  onClick: () => void;
}

function Choice({ label, number, digits, on, onClick }: ChoiceProps) {
  return (
    <Chip
      size="medium"
      clickable
      variant={on ? 'filled' : 'outlined'}
      color={on ? 'primary' : 'default'}
      aria-pressed={on}
      onClick={onClick}
      label={`${label} (${number.toLocaleString('en-GB')})`}
      // Digits of one width, so that nothing moves when a figure changes.
      sx={{
        fontVariantNumeric: 'tabular-nums',
        // A letter is about 0.8 of a digit wide.
        minWidth: digits === 0 ? undefined : `${Math.ceil(0.8 * label.length) + digits + 4}ch`,
      }}
    />
  );
}

const TONES = { success: 'success.main', error: 'error.main', warning: 'warning.main', info: 'info.main' };

/** The states as lengths; the words are beside it. */
function Bar({ states, total }: { states: readonly [State, number][]; total: number }) {
  const shown = [...states].sort(([a], [b]) => STATES.indexOf(b) - STATES.indexOf(a));
  return (
    <Box
      aria-hidden="true"
      sx={{ display: 'flex', height: 8, borderRadius: 1, overflow: 'hidden', bgcolor: 'divider' }}
    >
      {shown.map(([state, number]) => {
        const { tone } = STATE_WORDS[state];
        return (
          <Box
            key={state}
            sx={{ bgcolor: tone === 'default' ? 'text.disabled' : TONES[tone] }}
            style={{ width: `${(100 * number) / Math.max(total, 1)}%` }}
          />
        );
      })}
    </Box>
  );
}
