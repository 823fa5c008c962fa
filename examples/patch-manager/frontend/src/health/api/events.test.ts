import { afterEach, describe, expect, test, vi } from 'vitest';
import { staleKeys } from '../hooks/useEventInvalidation';
import { healthKeys } from '../hooks/keys';
import { EventStream, type HealthEvent } from './events';
import { EventParser, type ServerEvent } from './sse';

const wire =
  'event: check_status\r\ndata: {"host_id":"h",\r\ndata: "check_id":"c"}\r\n\r\n: alive\n\nevent:gate\rdata:{}\r\rdata: bare\n\n';
const expected: ServerEvent[] = [
  { event: 'check_status', data: '{"host_id":"h",\n"check_id":"c"}' },
  { event: 'gate', data: '{}' },
  { event: 'message', data: 'bare' },
];

describe('the parser', () => {
  test('reads the same events wherever the chunks end', () => {
    for (let cut = 0; cut <= wire.length; cut += 1) {
      const events: ServerEvent[] = [];
      let comments = 0;
      const parser = new EventParser(
        (event) => events.push(event),
        () => (comments += 1),
      );
      parser.push(wire.slice(0, cut));
      parser.push(wire.slice(cut));
      expect(events, `cut at ${cut}`).toEqual(expected);
      expect(comments).toBe(1);
    }
  });

  test('reads them byte by byte', () => {
    const events: ServerEvent[] = [];
    const parser = new EventParser((event) => events.push(event));
    for (const character of wire) parser.push(character);
    expect(events).toEqual(expected);
  });
});

describe('the stream', () => {
  let stop: (() => void) | undefined;
  afterEach(() => stop?.());

  /** A server that answers each connection with the next of these, and keeps it open. */
  function serve(...answers: (string | number | Error)[]) {
    const controllers: ReadableStreamDefaultController<Uint8Array>[] = [];
    const requests: Request[] = [];
    const events: HealthEvent[] = [];
    const states: string[] = [];
    const stream = new EventStream({
      url: 'http://localhost:3000/api/v1/events',
      retryMs: 5,
      maxRetryMs: 10,
      silenceMs: 60_000,
      fetch: (input, init) => {
        const request = new Request(input, init);
        requests.push(request);
        const answer = answers.shift();
        if (answer === undefined || answer instanceof Error)
          return Promise.reject(answer ?? new Error('no more'));
        if (typeof answer === 'number') return Promise.resolve(new Response(null, { status: answer }));
        const body = new ReadableStream<Uint8Array>({
          start(controller) {
            controllers.push(controller);
            controller.enqueue(new TextEncoder().encode(answer));
          },
        });
        return Promise.resolve(new Response(body));
      },
    });
    stream.onEvent((event) => events.push(event));
    stream.onState(() => states.push(stream.getState()));
    stop = stream.start();
    return { stream, controllers, events, states, requests };
  }

  test('tells of events, and carries no token in its address', async () => {
    const { events, stream, requests } = serve(
      'event: gate\ndata: {"job_id":"j","host_id":"h"}\n\nevent: other\ndata: 1\n\n',
    );
    await vi.waitFor(() => expect(events).toEqual([{ type: 'gate', job_id: 'j', host_id: 'h' }]));
    expect(stream.getState()).toBe('live');
    expect(new URL(requests[0]?.url ?? '').search).toBe('');
  });

  test('comes back after an end, and says that something may have been missed', async () => {
    const { controllers, events, states, requests } = serve(
      ': hello\n\n',
      new Error('refused'),
      503,
      ': again\n\n',
    );
    await vi.waitFor(() => expect(controllers).toHaveLength(1));
    controllers[0]?.close();
    await vi.waitFor(() => expect(controllers).toHaveLength(2));
    await vi.waitFor(() => expect(events).toEqual([{ type: 'resync' }]));
    expect(states).toEqual(['live', 'offline', 'live']);
    expect(requests).toHaveLength(4);
  });

  test('something that cannot be read counts as missed', async () => {
    const { events } = serve('event: gate\ndata: {broken\n\n');
    await vi.waitFor(() => expect(events).toEqual([{ type: 'resync' }]));
  });

  test('stops when told to', async () => {
    const { controllers, requests } = serve(': hello\n\n', ': again\n\n');
    await vi.waitFor(() => expect(controllers).toHaveLength(1));
    stop?.();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(requests).toHaveLength(1);
    expect(requests[0]?.signal.aborted).toBe(true);
  });
});

test('events void what they are about, each once, and a resync everything', () => {
  const event: HealthEvent = {
    type: 'check_status',
    host_id: 'h',
    check_id: 'c',
    status: 'unhealthy',
    reason: 'connect',
    checked_at: null,
  };
  expect(staleKeys([event, event])).toEqual([
    healthKeys.checks('h'),
    healthKeys.history('h', 'c'),
    healthKeys.summaries,
    healthKeys.previews,
  ]);
  expect(staleKeys([event, { type: 'resync' }])).toEqual([healthKeys.all]);
});
