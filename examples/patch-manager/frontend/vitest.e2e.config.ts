import { defineConfig } from 'vitest/config';

/** The end-to-end tests: a real Chromium against the real program. One file runs after the other. */
export default defineConfig({
  test: {
    include: process.env.SCREENSHOTS === undefined ? ['e2e/*.e2e.ts'] : ['e2e/screenshots.ts'],
    globalSetup: ['e2e/support/setup.ts'],
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { concurrent: false },
  },
});
