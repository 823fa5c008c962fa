import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Api } from './support/api';
import { go, openAs, openHost, startBrowser } from './support/browser';
import { startAtTop, tabThrough } from './support/focus';

const url = inject('url');
let browser: Browser;
let api: Api;

beforeAll(async () => {
  browser = await startBrowser();
  api = await Api.as(url, 'ada');
});
afterAll(() => browser.close());

/** Each page, ready to be tabbed through. Screens are short, so that pages scroll with few rows in their lists. */
const PAGES: readonly [name: string, open: (page: Page) => Promise<void>][] = [
  [
    'overview',
    async (page) => {
      await go(page, 'Overview');
      await page.getByRole('list', { name: 'Waiting jobs' }).getByRole('link').first().waitFor();
      await page.getByRole('list', { name: 'Next maintenance windows' }).waitFor();
    },
  ],
  [
    'hosts',
    async (page) => {
      await page.goto(`${url}/hosts?q=web`);
      // One is chosen, so that the buttons above the list can be used.
      await page.getByRole('checkbox', { name: 'Choose web-01' }).check();
    },
  ],
  [
    'host',
    async (page) => {
      await openHost(page, 'web-02');
      await page.getByRole('button', { name: 'Details of nginx is running' }).click();
      await page.getByText('Newest results').waitFor();
    },
  ],
  [
    'jobs',
    async (page) => {
      await go(page, 'Jobs');
      await page.getByRole('row').nth(1).waitFor();
    },
  ],
  [
    'job',
    async (page) => {
      await page.goto(`${url}/jobs/${(await api.stagedJob()).id}`);
      await page.getByRole('checkbox', { name: 'Choose all hosts on this page' }).check();
      await page.locator('[data-row] button').first().click();
      await page.getByRole('list', { name: 'Checks of this gate' }).waitFor();
    },
  ],
  [
    'deploy, hosts',
    async (page) => {
      await go(page, 'Deploy');
      await page.getByRole('searchbox', { name: /Search/ }).fill('cache');
      await page.getByRole('checkbox', { name: 'Choose db-01' }).waitFor({ state: 'hidden' });
      await page.getByRole('checkbox', { name: 'Choose all hosts on this page' }).check();
    },
  ],
  [
    'deploy, time',
    async (page) => {
      await page.getByRole('button', { name: 'Continue' }).click();
      await page.getByLabel('in a window for this job alone').check();
      await page.getByRole('switch', { name: 'Roll out in stages' }).check();
      await page.getByRole('textbox', { name: 'Stage 1: up to' }).waitFor();
    },
  ],
  [
    'deploy, review',
    async (page) => {
      await page.getByRole('button', { name: 'Continue' }).click();
      // What it says depends on what the demo's other jobs hold at the moment.
      await page.getByRole('region', { name: 'Preview' }).getByRole('alert').first().waitFor();
    },
  ],
  [
    'windows',
    async (page) => {
      await go(page, 'Windows');
      await page.getByRole('button', { name: 'Edit Weekend nights' }).waitFor();
    },
  ],
  [
    'audit',
    async (page) => {
      await page.goto(`${url}/audit?action=window_created`);
      await page.getByRole('row').nth(1).waitFor();
    },
  ],
];

test.each([
  ['a wide screen', { width: 1280, height: 620 }],
  ['a phone', { width: 390, height: 620 }],
])('on %s every element that takes the focus shows it, and nothing covers it', async (_, viewport) => {
  const { page, close } = await openAs(browser, url, 'ada', { viewport });
  for (const [name, open] of PAGES) {
    await open(page);
    const { stops, faults } = await tabThrough(page);
    expect(faults, name).toEqual([]);
    // The navigation alone has more.
    expect(stops, `elements of ${name} that take the focus`).toBeGreaterThan(8);
  }
  await close();
});

test('the first key leads past the navigation to the content, on every page', async () => {
  const { page, close } = await openAs(browser, url, 'ada');
  for (const place of ['overview', 'hosts', 'deploy', 'jobs', 'windows', 'audit']) {
    const address = `${url}/${place}`;
    await page.goto(address);
    // The heading takes the focus once the page is there.
    await page.waitForFunction(() => document.activeElement?.localName === 'h1');
    const skip = page.getByRole('link', { name: 'Skip to the content' });
    await startAtTop(page);
    await page.keyboard.press('Tab');
    expect(await skip.evaluate((link) => link === document.activeElement), `${place}: the first`).toBe(true);
    expect((await skip.boundingBox())?.y, `${place}: in sight`).toBeGreaterThanOrEqual(0);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    const inContent = () => document.getElementById('content')?.contains(document.activeElement) === true;
    expect(await page.evaluate(inContent), `${place}: in the content`).toBe(true);
    expect(page.url()).toBe(address);
  }
  await close();
});
