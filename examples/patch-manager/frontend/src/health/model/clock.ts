/**
 * The server's clock as far as it can be told from here. Ages and countdowns are counted by it: a
 * browser whose clock is wrong must not show a window as open that is closed.
 */
let offset = 0;

/** Offsets up to this are the `Date` header's own coarseness, and the way of the answer. */
const COARSE = 2_000;

/** Takes note of a `Date` header. */
export function noteServerTime(header: string | null, received: number = Date.now()): void {
  if (header === null) return;
  const server = Date.parse(header);
  if (Number.isNaN(server)) return;
  const found = server + 500 - received;
  offset = Math.abs(found) <= COARSE ? 0 : found;
}

/** Now by the server's clock, in milliseconds since the epoch. */
export function serverNow(): number {
  return Date.now() + offset;
}

type Listener = () => void;

const listeners = new Set<Listener>();
let timer: ReturnType<typeof setInterval> | undefined;
let second = currentSecond();

function currentSecond(): number {
  return Math.floor(serverNow() / 1_000) * 1_000;
}

/** One timer for the whole page, which stands still while nothing shows a time. */
export function subscribeToSeconds(listener: Listener): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    second = currentSecond();
    for (const each of listeners) each();
  }, 1_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** The current second by the server's clock; the same number until the next tick. */
export function readSecond(): number {
  // While no timer runs, nothing holds the number up to date.
  if (timer === undefined) second = currentSecond();
  return second;
}
