/** One event of a `text/event-stream` (WHATWG HTML, section 9.2). */
export interface ServerEvent {
  event: string;
  data: string;
}

/**
 * Splits a stream of text into events. Lines may end in LF, CR or CRLF, and a chunk may end anywhere.
 * Comments are reported to `onComment`: they show that the other end is alive.
 */
export class EventParser {
  #rest = '';
  #event = '';
  #data: string[] = [];

  constructor(
    private readonly onEvent: (event: ServerEvent) => void,
    private readonly onComment: () => void = () => undefined,
  ) {}

  /** Takes the next piece. */
  push(chunk: string): void {
    this.#rest += chunk;
    for (;;) {
      const end = this.#rest.search(/[\r\n]/);
      if (end < 0) return;
      // A CR at the very end may be half of a CRLF.
      if (this.#rest[end] === '\r' && end === this.#rest.length - 1) return;
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + (this.#rest.startsWith('\r\n', end) ? 2 : 1));
      this.#line(line);
    }
  }

  #line(line: string): void {
    if (line === '') {
      if (this.#data.length > 0) {
        this.onEvent({ event: this.#event || 'message', data: this.#data.join('\n') });
      }
      this.#event = '';
      this.#data = [];
      return;
    }
    if (line.startsWith(':')) {
      this.onComment();
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    if (field === 'data') this.#data.push(value);
  }
}
