/** Words for instants, ages and countdowns. Everything takes milliseconds or the API's RFC 3339. */

import type { UtcOffset } from '../api/types';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * A time zone: its name, and what its clocks are ahead of UTC by the server's rules. Without those the browser's
 * own rules count, which is right for the browser's own zone alone.
 */
export interface Zone {
  name: string;
  offsets: readonly UtcOffset[];
}

/** The zone that the browser is set to. */
export const LOCAL_ZONE: Zone = { name: Intl.DateTimeFormat().resolvedOptions().timeZone, offsets: [] };

/** Coordinated universal time. */
export const UTC: Zone = { name: 'UTC', offsets: [] };

/** An instant in milliseconds since the epoch. */
export function toMillis(instant: string): number {
  return Date.parse(instant);
}

/** "12 s", "4 min", "3 h 12 min", "2 d 4 h": the two largest parts, rounded down. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1_000));
  if (seconds < MINUTE) return `${seconds} s`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < DAY) return parts(seconds, HOUR, 'h', MINUTE, 'min');
  return parts(seconds, DAY, 'd', HOUR, 'h');
}

function parts(seconds: number, large: number, one: string, small: number, two: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${one}${rest > 0 ? ` ${rest} ${two}` : ''}`;
}

/** "12 s ago"; "in 12 s" for what is to come. */
export function formatAge(instant: string, now: number): string {
  const age = now - toMillis(instant);
  if (age < -1_500) return `in ${formatDuration(-age)}`;
  return age < 1_500 ? 'just now' : `${formatDuration(age)} ago`;
}

/** "42 s", "19 min 8 s", "1 h 4 min", "2 d 3 h": what is left; "0 s" once it is over. It cannot be read as a time. */
export function formatCountdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1_000));
  if (seconds < MINUTE || seconds >= HOUR) return formatDuration(seconds * 1_000);
  return `${Math.floor(seconds / MINUTE)} min ${seconds % MINUTE} s`;
}

/** The same for a screen reader, which should not be told of every second. */
export function spokenCountdown(milliseconds: number): string {
  return milliseconds <= 0 ? 'now' : `in ${formatDuration(milliseconds)}`;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions, locale = 'en-GB'): Intl.DateTimeFormat {
  const key = `${locale} ${zone} ${JSON.stringify(options)}`;
  let made = formats.get(key);
  if (made === undefined) {
    made = new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: 'h23', ...options });
    formats.set(key, made);
  }
  return made;
}

/** What the clocks of a zone show at an instant, in parts. */
function shown(date: Date, zone: Zone, options: Intl.DateTimeFormatOptions): string {
  const offset = offsetAt(date, zone);
  if (offset === undefined) return format(zone.name, options).format(date);
  return format('UTC', options).format(new Date(date.getTime() + offset.seconds * 1_000));
}

/** The server's rule at an instant; the first one before it begins, the last one after its end. */
function offsetAt(date: Date, zone: Zone): UtcOffset | undefined {
  return zone.offsets.findLast((offset) => toMillis(offset.from) <= date.getTime()) ?? zone.offsets[0];
}

/** The locales that abbreviations are taken from: each knows those of its own part of the world alone. */
const NAMING = ['en-GB', 'en-US', 'en-AU', 'en-NZ', 'en-IN', 'en-ZA'];

/** "CET", "EST", "AEDT": what a zone is called at an instant; "GMT+9" where nobody has a name for it. */
function zoneName(date: Date, zone: Zone): string {
  const offset = offsetAt(date, zone);
  if (offset === undefined) return browserName(date, zone.name);
  if (/^[A-Z]/.test(offset.abbreviation)) return offset.abbreviation;
  // The server's data has no name. That of the browser fits where its clocks show the same.
  return browserOffset(date, zone.name) === offset.seconds
    ? browserName(date, zone.name)
    : `GMT${offset.abbreviation}`;
}

function browserName(date: Date, zone: string): string {
  const names = NAMING.map(
    (locale) =>
      format(zone, { timeZoneName: 'short' }, locale)
        .formatToParts(date)
        .find((part) => part.type === 'timeZoneName')?.value ?? '',
  );
  return names.find((name) => name !== '' && !/^GMT[+-]/.test(name)) ?? names[0] ?? zone;
}

/** What the zone's clocks are ahead of UTC by the browser's rules, in seconds; `null` where it has none. */
function browserOffset(date: Date, zone: string): number | null {
  try {
    const clock = format(zone, { ...SECONDS, year: 'numeric', month: '2-digit', day: '2-digit' }, 'sv-SE');
    const whole = Math.floor(date.getTime() / 1_000);
    return Date.parse(`${clock.format(date).replace(' ', 'T')}Z`) / 1_000 - whole;
  } catch {
    return null;
  }
}

const DAY_AND_YEAR = { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' } as const;
const DAY_ALONE = { weekday: 'short', day: 'numeric', month: 'short' } as const;
const MINUTES = { hour: '2-digit', minute: '2-digit' } as const;
const SECONDS = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const;

function formatDay(date: Date, zone: Zone, options: Intl.DateTimeFormatOptions): string {
  return shown(date, zone, options).replace(',', '');
}

/** "Tue 24 Nov 2026, 14:03:22 CET": always with its zone. */
export function formatInstant(instant: string | number, zone: Zone = LOCAL_ZONE): string {
  const date = new Date(instant);
  return `${formatDay(date, zone, DAY_AND_YEAR)}, ${shown(date, zone, SECONDS)} ${zoneName(date, zone)}`;
}

/** "Tue 24 Nov, 14:03 CET": without year and seconds, for tight places. */
export function formatShort(instant: string | number, zone: Zone = LOCAL_ZONE): string {
  const date = new Date(instant);
  return `${formatDay(date, zone, DAY_ALONE)}, ${formatClock(instant, zone)}`;
}

/**
 * "Tue 24 Nov, 22:00 – Wed 25 Nov, 02:00 CET": each part that both ends share is said once, and seconds where
 * the minutes alone would say nothing.
 */
export function formatRange(from: string | number, to: string | number, zone: Zone = LOCAL_ZONE): string {
  const [start, end] = [new Date(from), new Date(to)];
  const length = end.getTime() - start.getTime();
  const clock = (date: Date) => shown(date, zone, length < 2 * MINUTE * 1_000 ? SECONDS : MINUTES);
  const [day, lastDay] = [formatDay(start, zone, DAY_ALONE), formatDay(end, zone, DAY_ALONE)];
  const [name, lastName] = [zoneName(start, zone), zoneName(end, zone)];
  const begin = `${day}, ${clock(start)}${name === lastName ? '' : ` ${name}`}`;
  // Windows last a week at most, so that a day of the same name is the same day.
  return `${begin} – ${day === lastDay ? '' : `${lastDay}, `}${clock(end)} ${lastName}`;
}

/**
 * An instant in UTC, to stand beside {@link formatShort} or {@link formatInstant} of the same zone: the time
 * alone where the day is the same. Empty where the zone says it already.
 */
export function besideInUtc(instant: string | number, zone: Zone, seconds = false): string {
  const date = new Date(instant);
  const name = zoneName(date, zone);
  if (name === 'UTC') return '';
  const time = `${shown(date, UTC, seconds ? SECONDS : MINUTES)} UTC`;
  const day = formatDay(date, UTC, DAY_ALONE);
  return day === formatDay(date, zone, DAY_ALONE) ? time : `${day}, ${time}`;
}

/** "Tue 24 Nov, 14:03 CET · 13:03 UTC" */
export function formatBoth(instant: string | number, zone: Zone = LOCAL_ZONE): string {
  const utc = besideInUtc(instant, zone);
  return formatShort(instant, zone) + (utc === '' ? '' : ` · ${utc}`);
}

/** "14:03 CET" */
export function formatClock(instant: string | number, zone: Zone = LOCAL_ZONE): string {
  const date = new Date(instant);
  return `${shown(date, zone, MINUTES)} ${zoneName(date, zone)}`;
}

/** A latency as people read it: "< 1 ms", "8 ms", "1.24 s". */
export function formatLatency(milliseconds: number): string {
  if (milliseconds < 1) return '< 1 ms';
  return milliseconds < 1_000 ? `${milliseconds} ms` : `${(milliseconds / 1_000).toFixed(2)} s`;
}

/** "1 check", "3 checks". */
export function count(number: number, word: string, plural = `${word}s`): string {
  return `${number.toLocaleString('en-GB')} ${number === 1 ? word : plural}`;
}
