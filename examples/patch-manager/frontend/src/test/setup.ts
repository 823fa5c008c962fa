import '@testing-library/jest-dom/vitest';
import { cleanup, configure } from '@testing-library/react';
import { afterAll, afterEach, beforeAll, beforeEach, onTestFailed } from 'vitest';
import { server } from './server';
import { dateShift } from './shiftedDate';

// Far above what a step takes, on a busy machine too: only what never comes is to end a test.
configure({ asyncUtilTimeout: 15_000 });

// jsdom has no layout, and says so on the console.
globalThis.scrollTo = () => undefined;

beforeEach(() => {
  onTestFailed(() => {
    process.stderr.write(`to repeat it at the same instant: TEST_DATE_SHIFT=${dateShift}\n`);
  });
});
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
afterEach(() => {
  cleanup();
  server.resetHandlers();
  sessionStorage.clear();
  localStorage.clear();
});
afterAll(() => server.close());
