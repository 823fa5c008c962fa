import { configDefaults, defineConfig } from 'vitest/config';

/** The end-to-end tests: a real Chromium against the real program. Files run side by side, on hosts of their own. */
export default defineConfig({
  test: {
    include: process.env.SCREENSHOTS === undefined ? ['e2e/*.e2e.ts'] : ['e2e/screenshots.ts'],
    // A whole fleet takes minutes: `FLEET_HOSTS=1000`, or 10000, runs it as well.
    exclude: [
      ...configDefaults.exclude,
      ...(process.env.FLEET_HOSTS === undefined ? ['e2e/fleet.e2e.ts'] : []),
    ],
    globalSetup: ['e2e/support/setup.ts'],
    // Most of a test is waiting for the poller, so the files may share the two cores.
    maxWorkers: 2,
    testTimeout: 240_000,
    hookTimeout: 180_000,
  },
});
