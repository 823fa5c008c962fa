import { Box, Tooltip } from '@mui/material';
import { useNow } from '../hooks/useNow';
import {
  formatAge,
  formatCountdown,
  formatInstant,
  spokenCountdown,
  toMillis,
  UTC,
  type Zone,
} from '../model/time';

/** Properties of {@link RelativeTime}. */
export interface RelativeTimeProps {
  /** The instant, RFC 3339. */
  instant: string;
  /** The zone of the exact time in the tooltip; the browser's own where absent. */
  timeZone?: Zone;
}

/** "12 s ago", counted on, with the exact time and its zone on hover and focus. */
export function RelativeTime({ instant, timeZone }: RelativeTimeProps) {
  const now = useNow();
  return (
    <Tooltip title={<ExactTimes instant={instant} timeZone={timeZone} />} describeChild>
      <Box
        component="time"
        dateTime={instant}
        sx={{ whiteSpace: 'nowrap', fontVariantNumeric: 'tabular-nums' }}
      >
        {formatAge(instant, now)}
      </Box>
    </Tooltip>
  );
}

/** Properties of {@link Countdown}. */
export interface CountdownProps {
  /** What is counted down to, RFC 3339. */
  instant: string;
  /** What to show once it is over. */
  over?: string;
}

/** What is left until an instant, to the second. A screen reader gets it in rough words. */
export function Countdown({ instant, over = 'now' }: CountdownProps) {
  const left = toMillis(instant) - useNow();
  return (
    <Box component="span" role="timer" sx={{ fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }}>
      <span aria-hidden="true">{left <= 0 ? over : formatCountdown(left)}</span>
      <Box component="span" sx={visuallyHidden}>
        {left <= 0 ? over : spokenCountdown(left)}
      </Box>
    </Box>
  );
}

/** Properties of {@link ExactTimes}. */
export interface ExactTimesProps {
  instant: string;
  timeZone?: Zone | undefined;
}

/** An instant in a zone, and in UTC where that says something else. */
export function ExactTimes({ instant, timeZone }: ExactTimesProps) {
  const local = formatInstant(instant, timeZone);
  const utc = formatInstant(instant, UTC);
  return (
    <>
      {local}
      {local !== utc && (
        <>
          <br />
          {utc}
        </>
      )}
    </>
  );
}

/** There for screen readers alone. */
export const visuallyHidden = {
  position: 'absolute',
  width: '1px',
  height: '1px',
  margin: '-1px',
  padding: 0,
  overflow: 'hidden',
  clipPath: 'inset(50%)',
  whiteSpace: 'nowrap',
  border: 0,
} as const;
