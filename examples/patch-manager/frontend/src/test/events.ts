import { http, HttpResponse } from 'msw';
import { server } from './server';

/** An event stream in a test's hands. */
export interface Events {
  /** Fulfilled with the request once the page has connected. */
  connected: Promise<Request>;
  /** Sends an event. */
  tell: (event: string, data: object) => void;
}

/** Serves `/api/v1/events`; the page under test has to be rendered live. */
export function serveEvents(): Events {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  let connect: (request: Request) => void = () => undefined;
  const connected = new Promise<Request>((resolve) => {
    connect = resolve;
  });
  server.use(
    http.get('*/api/v1/events', ({ request }) => {
      const stream = new ReadableStream<Uint8Array>({
        start(opened) {
          controller = opened;
          connect(request);
        },
      });
      return new HttpResponse(stream, { headers: { 'Content-Type': 'text/event-stream' } });
    }),
  );
  return {
    connected,
    tell: (event, data) =>
      controller?.enqueue(new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)),
  };
}
