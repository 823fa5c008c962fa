import { EventParser } from './sse';
import type { CheckStatus, GateState, PassKind } from './types';

/** What the stream tells of. After a `resync` anything may have been missed. */
export type HealthEvent =
  | {
      type: 'check_status';
      host_id: string;
      check_id: string;
      status: CheckStatus;
      reason: string | null;
      checked_at: string | null;
    }
  | {
      type: 'gate';
      job_id: string;
      host_id: string;
      state: GateState;
      kind: PassKind | null;
      next_attempt_at: string | null;
    }
  | { type: 'resync' };

/** Whether what is on the screen follows the server at the moment. */
export type LiveState = 'connecting' | 'live' | 'offline';

/** How the stream is read. */
export interface EventStreamOptions {
  /** The address of the stream. */
  url: string;
  /** A `fetch` that sends the token in a header; it never stands in the address. */
  fetch: typeof fetch;
  /** Silence after which the connection counts as dead; the server sends a comment every 15 s. */
  silenceMs?: number;
  /** The first wait before connecting again; it doubles up to `maxRetryMs`. */
  retryMs?: number;
  /** The longest wait. */
  maxRetryMs?: number;
}

/**
 * The event stream, read by `fetch` (an `EventSource` could carry the token in its address only). It
 * connects again by itself, tells its state to whoever watches, and begins each connection but the
 * first with a `resync`, since events were missed in between.
 */
export class EventStream {
  #state: LiveState = 'connecting';
  #since = Date.now();
  #wake: (() => void) | null = null;
  readonly #stateListeners = new Set<() => void>();
  readonly #listeners = new Set<(event: HealthEvent) => void>();

  constructor(private readonly options: EventStreamOptions) {}

  /** The state of the moment. */
  readonly getState = (): LiveState => this.#state;

  /** When the state last turned, in milliseconds of this browser's clock. */
  get since(): number {
    return this.#since;
  }

  /** Watches the state. */
  readonly onState = (listener: () => void): (() => void) => {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  };

  /** Listens to events. */
  readonly onEvent = (listener: (event: HealthEvent) => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Connects, and stays connected until the function that it returns is called. */
  start(): () => void {
    const stop = new AbortController();
    void this.#run(stop.signal);
    return () => stop.abort();
  }

  /** Tries again at once instead of waiting. */
  readonly retryNow = (): void => this.#wake?.();

  async #run(stopped: AbortSignal): Promise<void> {
    const { retryMs = 1_000, maxRetryMs = 15_000 } = this.options;
    let wait = retryMs;
    let first = true;
    while (!stopped.aborted) {
      const worked = await this.#connection(stopped, first);
      if (stopped.aborted) return;
      first &&= !worked;
      wait = worked ? retryMs : Math.min(wait * 2, maxRetryMs);
      this.#turn('offline');
      // Spread out, so that many browsers do not come back in the same instant.
      await this.#pause(wait * (0.75 + Math.random() / 2), stopped);
    }
  }

  /** One connection, to its end. Answers whether it ever stood. */
  async #connection(stopped: AbortSignal, first: boolean): Promise<boolean> {
    const { silenceMs = 40_000 } = this.options;
    const connection = new AbortController();
    const abort = () => connection.abort();
    stopped.addEventListener('abort', abort, { once: true });
    let silence = setTimeout(abort, silenceMs);
    const heard = () => {
      clearTimeout(silence);
      silence = setTimeout(abort, silenceMs);
    };
    let stood = false;
    try {
      const response = await this.options.fetch(this.options.url, {
        headers: { Accept: 'text/event-stream' },
        signal: connection.signal,
        cache: 'no-store',
      });
      if (!response.ok || response.body === null) return false;
      stood = true;
      this.#turn('live');
      if (!first) this.#tell({ type: 'resync' });
      const parser = new EventParser(({ event, data }) => this.#receive(event, data));
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return true;
        heard();
        parser.push(value);
      }
    } catch {
      return stood;
    } finally {
      clearTimeout(silence);
      stopped.removeEventListener('abort', abort);
      connection.abort();
    }
  }

  #receive(event: string, data: string): void {
    if (event !== 'check_status' && event !== 'gate' && event !== 'resync') return;
    try {
      const body = JSON.parse(data === '' ? '{}' : data) as object;
      this.#tell({ ...body, type: event } as HealthEvent);
    } catch {
      // Something that cannot be read was told: whatever it was may have been missed.
      this.#tell({ type: 'resync' });
    }
  }

  #tell(event: HealthEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #turn(state: LiveState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#since = Date.now();
    for (const listener of this.#stateListeners) listener();
  }

  #pause(milliseconds: number, stopped: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        stopped.removeEventListener('abort', done);
        globalThis.removeEventListener?.('online', done);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      stopped.addEventListener('abort', done, { once: true });
      globalThis.addEventListener?.('online', done, { once: true });
      this.#wake = done;
    });
  }
}
