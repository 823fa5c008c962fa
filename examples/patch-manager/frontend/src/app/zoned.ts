/** What a native `datetime-local` input holds, in the browser's zone, and the instant it stands for. */
export function toLocalInput(instant: number): string {
  const date = new Date(instant);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The instant in milliseconds, or `null` where the input is empty or not complete. */
export function fromLocalInput(text: string): number | null {
  const instant = text === '' ? Number.NaN : new Date(text).getTime();
  return Number.isNaN(instant) ? null : instant;
}

/** Every zone that this browser knows, UTC first. */
export function timeZones(): string[] {
  return ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];
}
