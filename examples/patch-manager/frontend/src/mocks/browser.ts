import { getResponse } from 'msw';
import { handlers } from './handlers';

/** Answers this page's API calls from the mocks, for work on the pages without a server. */
export function startMocks(): Promise<void> {
  const real = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    if (!new URL(request.url).pathname.startsWith('/api/')) return real(request);
    return (await getResponse(handlers, request)) ?? new Response(null, { status: 404 });
  };
  return Promise.resolve();
}
