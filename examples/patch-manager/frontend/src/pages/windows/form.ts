import type { MaintenanceWindow, WindowRequest } from '../../app/api/types';
import { fromLocalInput, toLocalInput } from '../../app/zoned';
import { count, formatDuration, formatInstant, LOCAL_ZONE, toMillis, UTC, zoneOf } from '../../health';

export type Recurrence = 'once' | 'daily' | 'weekly' | 'monthly';

export const WEEKDAYS: readonly (readonly [string, string])[] = [
  ['mon', 'Monday'],
  ['tue', 'Tuesday'],
  ['wed', 'Wednesday'],
  ['thu', 'Thursday'],
  ['fri', 'Friday'],
  ['sat', 'Saturday'],
  ['sun', 'Sunday'],
];

/** Which one of its weekday a day is in its month; 0 stands for a day by its number. */
export const NTHS: readonly (readonly [number, string])[] = [
  [0, 'Day by its number'],
  [1, 'First'],
  [2, 'Second'],
  [3, 'Third'],
  [4, 'Fourth'],
  [5, 'Fifth'],
  [-1, 'Last'],
  [-2, 'Last but one'],
];

/** The dialog's fields as they are edited. */
export interface WindowForm {
  name: string;
  recurrence: Recurrence;
  weekdays: readonly string[];
  day: string;
  nth: number;
  nthWeekday: string;
  offsetDays: string;
  zone: string;
  time: string;
  /** What a `datetime-local` input holds, in the browser's zone. */
  starts: string;
  firstDate: string;
  minutes: string;
  enabled: boolean;
}

/** An empty form, or that of a stored window. */
export function formOf(window: MaintenanceWindow | null): WindowForm {
  const recurrence = window?.recurrence;
  return {
    name: window?.name ?? '',
    recurrence: isRecurrence(recurrence) ? recurrence : 'weekly',
    weekdays: window?.weekdays ?? ['sun'],
    day: String(window?.day_of_month ?? 1),
    nth: window?.nth_weekday?.nth ?? 0,
    nthWeekday: window?.nth_weekday?.weekday ?? 'tue',
    offsetDays: String(window?.nth_weekday?.offset_days ?? 0),
    zone: window?.time_zone ?? LOCAL_ZONE.name,
    time: window?.start_time ?? '02:00',
    starts: window?.starts_at == null ? '' : toLocalInput(toMillis(window.starts_at)),
    firstDate: window?.first_date ?? '',
    minutes: String(window?.duration_minutes ?? 120),
    enabled: window?.enabled ?? true,
  };
}

/** What is wrong with the form, by the server's field names. */
export function faultsOf(form: WindowForm, hosts: number): Partial<Record<string, string>> {
  const faults: Partial<Record<string, string>> = {};
  const minutes = Number(form.minutes);
  if (form.name.trim() === '') faults.name = 'Give a name.';
  if (hosts === 0) faults.host_ids = 'Choose at least one host.';
  if (!Number.isInteger(minutes) || minutes < 1 || minutes > 10_080) {
    faults.duration_minutes = 'Give 1 to 10,080 minutes (7 days).';
  }
  if (form.recurrence === 'once') {
    if (fromLocalInput(form.starts) === null) faults.starts_at = 'Give a date and a time.';
    return faults;
  }
  if (!/^\d\d:\d\d$/.test(form.time)) faults.start_time = 'Give a time such as 02:00.';
  if (form.recurrence === 'weekly' && form.weekdays.length === 0) {
    faults.weekdays = 'Choose at least one day.';
  }
  const day = Number(form.day);
  const byDay = form.recurrence === 'monthly' && form.nth === 0;
  if (byDay && (!Number.isInteger(day) || day < 1 || day > 31)) {
    faults.day_of_month = 'Give a day from 1 to 31.';
  }
  const offset = Number(form.offsetDays);
  const byWeekday = form.recurrence === 'monthly' && form.nth !== 0;
  if (byWeekday && (!Number.isInteger(offset) || Math.abs(offset) > 31)) {
    faults.nth_weekday = 'Give -31 to 31 days.';
  }
  return faults;
}

/** The body of the form: only the members of its recurrence. */
export function bodyOf(form: WindowForm, hostIds: string[]): WindowRequest {
  const common = {
    name: form.name.trim(),
    host_ids: hostIds,
    recurrence: form.recurrence,
    duration_minutes: Number(form.minutes),
    enabled: form.enabled,
  };
  if (form.recurrence === 'once') {
    const starts_at = new Date(fromLocalInput(form.starts) ?? 0).toISOString();
    return { ...common, starts_at, time_zone: form.zone };
  }
  return {
    ...common,
    time_zone: form.zone,
    start_time: form.time,
    ...(form.recurrence === 'weekly' && { weekdays: [...form.weekdays] }),
    ...(form.recurrence === 'monthly' && monthlyOf(form)),
    ...(form.firstDate !== '' && { first_date: form.firstDate }),
  };
}

function monthlyOf(form: WindowForm): Pick<WindowRequest, 'day_of_month' | 'nth_weekday'> {
  if (form.nth === 0) return { day_of_month: Number(form.day) };
  const { nth, nthWeekday: weekday } = form;
  return { nth_weekday: { nth, weekday, offset_days: Number(form.offsetDays) } };
}

function monthlyWords(window: MaintenanceWindow): string {
  const day = window.nth_weekday;
  if (day == null) return `Monthly on day ${window.day_of_month ?? '?'}`;
  const place = NTHS.find(([nth]) => nth === day.nth)?.[1] ?? `No. ${day.nth}`;
  const weekday = WEEKDAYS.find(([code]) => code === day.weekday)?.[1] ?? day.weekday;
  const offset = day.offset_days ?? 0;
  const moved = offset === 0 ? '' : ` ${offset > 0 ? 'plus' : 'minus'} ${count(Math.abs(offset), 'day')}`;
  return `Monthly on the ${place.toLowerCase()} ${weekday}${moved}`;
}

/** A window's recurrence in words: "Weekly on Saturday, Sunday at 02:00 Europe/Berlin, for 3 h". */
export function recurrenceWords(window: MaintenanceWindow): string {
  const lasts = `for ${formatDuration((window.duration_minutes ?? 0) * 60_000)}`;
  const at = `at ${window.start_time ?? '?'} ${window.time_zone ?? 'UTC'}`;
  switch (window.recurrence) {
    case 'once':
      return `Once, ${window.starts_at == null ? '' : formatInstant(window.starts_at, zoneOf(window, UTC))}, ${lasts}`;
    case 'daily':
      return `Daily ${at}, ${lasts}`;
    case 'weekly': {
      const days = WEEKDAYS.filter(([code]) => window.weekdays?.includes(code)).map(([, name]) => name);
      return `Weekly on ${days.join(', ')} ${at}, ${lasts}`;
    }
    case 'monthly':
      return `${monthlyWords(window)} ${at}, ${lasts}`;
    default:
      return 'A kind of window that this page does not know';
  }
}

function isRecurrence(text: string | null | undefined): text is Recurrence {
  return text === 'once' || text === 'daily' || text === 'weekly' || text === 'monthly';
}
