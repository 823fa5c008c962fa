import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Job } from '../src/app/api/types';
import { Api } from './support/api';
import { go, openAs, openHost, startBrowser } from './support/browser';
import { layCable } from './support/cable';

const url = inject('url');
let browser: Browser;
let api: Api;

beforeAll(async () => {
  browser = await startBrowser();
  api = await Api.as(url, 'ada');
});
afterAll(() => browser.close());

/** The entries of the main navigation. */
async function places(page: Page): Promise<string[]> {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Jobs' }).waitFor();
  return page.getByRole('navigation', { name: 'Main' }).getByRole('link').allInnerTexts();
}

test('each role sees what it may do', async () => {
  const admin = await openAs(browser, url, 'ada');
  await admin.page.getByRole('link', { name: 'Audit' }).waitFor();
  expect(await places(admin.page)).toEqual(['Overview', 'Hosts', 'Deploy', 'Jobs', 'Windows', 'Audit']);
  await admin.close();

  const operator = await openAs(browser, url, 'oscar');
  await operator.page.getByRole('link', { name: 'Audit' }).waitFor();
  await openHost(operator.page, 'db-01');
  await operator.page.getByRole('button', { name: 'Add health check' }).waitFor();
  // A host of none of the operator's groups answers like one that does not exist.
  const hidden = await api.hostId('edge-01');
  await operator.page.goto(`${url}/hosts/${hidden}`);
  await operator.page.getByText(/The host could not be loaded/).waitFor();
  // The demo's own job, which waits for the broken service of db-01.
  const { jobs } = await (await Api.as(url, 'oscar')).call<{ jobs: Job[] }>('GET', '/api/v1/jobs');
  const waiting = jobs.findLast((job) => job.counts.waiting_health_check === 1 && job.window !== null);
  await operator.page.goto(`${url}/jobs/${waiting?.id ?? ''}`);
  await operator.page.locator('[data-gate="waiting"]').waitFor();
  await operator.page.getByRole('button', { name: 'Cancel job…' }).waitFor();
  expect(await operator.page.getByRole('button', { name: 'Override…' }).count()).toBe(0);
  await operator.close();

  const reporter = await openAs(browser, url, 'rita');
  expect(await places(reporter.page)).toEqual(['Overview', 'Hosts', 'Jobs', 'Windows']);
  await openHost(reporter.page, 'web-04');
  await reporter.page.locator('[data-check="nginx is running"]').waitFor();
  expect(
    await reporter.page.getByRole('button', { name: /^(Add|Edit|Delete|Test|Pause|Break)/ }).count(),
  ).toBe(0);
  await reporter.close();
});

test('the server goes away: the page says so, and recovers by itself', async () => {
  const cable = await layCable(url);
  const { page, close } = await openAs(browser, cable.url, 'ada');
  await openHost(page, 'db-05');
  await page.locator('[data-live="live"]').waitFor();
  const row = page.locator('[data-check="postgresql is running"]');
  await row.locator('[data-status="healthy"]').waitFor();
  await cable.cut();
  await page.getByText(/Not live: the connection to the server is lost/).waitFor();
  await api.setService('db-05', 'postgresql', 'failed');
  await cable.mend();
  await page.locator('[data-live="live"]').waitFor();
  await page.getByText(/Not live: the connection/).waitFor({ state: 'hidden' });
  await row.locator('[data-status="unhealthy"]').waitFor();
  await api.setService('db-05', 'postgresql', 'healthy');
  await close();
  await cable.close();
});

test('the server goes away before a page was visited: the frame stays, and the page says so', async () => {
  const cable = await layCable(url);
  const { page, close } = await openAs(browser, cable.url, 'ada');
  await page.locator('[data-live="live"]').waitFor();
  await cable.cut();
  await go(page, 'Windows');
  const retry = page.getByRole('main').getByRole('button', { name: 'Try again' });
  await retry.waitFor();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Jobs' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  await cable.mend();
  await page.getByText('Weekend nights').waitFor();
  await close();
  await cable.close();
});

test('a page works by the keyboard alone: into a dialog, out of it, and back to where one was', async () => {
  const { page, close } = await openAs(browser, url, 'ada');
  await openHost(page, 'web-04');
  // Until the checks are there it cannot be told whether there is room for another, and it is off.
  const add = page.getByRole('button', { name: 'Add health check', disabled: false });
  await add.waitFor();
  await add.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.waitFor();
  for (let presses = 0; presses < 25; presses += 1) {
    await page.keyboard.press('Tab');
    expect(await dialog.evaluate((element) => element.contains(document.activeElement))).toBe(true);
  }
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  await page.waitForFunction(() => document.activeElement?.textContent === 'Add health check');
  await close();
});

test('no page is wider than a phone', async () => {
  const { page, close } = await openAs(browser, url, 'ada', { viewport: { width: 360, height: 740 } });
  await page.getByRole('link', { name: 'batch-01' }).waitFor();
  await go(page, 'Overview');
  await page.getByRole('list', { name: 'Next maintenance windows' }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth), 'overview').toBeLessThanOrEqual(
    360,
  );
  for (const place of ['Hosts', 'Deploy', 'Jobs', 'Windows', 'Audit']) {
    await go(page, place);
    await page.getByRole('row').nth(1).waitFor();
    expect(await page.evaluate(() => document.documentElement.scrollWidth), place).toBeLessThanOrEqual(360);
  }
  await openHost(page, 'web-04');
  await page.locator('[data-check="nginx is running"]').waitFor();
  await page.getByRole('button', { name: 'Details of nginx is running' }).click();
  await page.getByText('Newest results').waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth), 'host').toBeLessThanOrEqual(360);
  await close();
});

test('the program serves the two documents that the types were generated from', async () => {
  interface Document {
    paths: object;
    components: { schemas: object };
  }
  const read = async (path: string) =>
    JSON.parse(await readFile(new URL(path, import.meta.url), 'utf8')) as Document;
  const served = await api.call<Document>('GET', '/api/v1/openapi.json');
  const library = await read('../../../../docs/openapi.json');
  const own = await read('../src/app/api/openapi.json');
  expect(served.paths).toMatchObject(library.paths);
  expect(served.components.schemas).toMatchObject(library.components.schemas);
  const names = (...parts: object[]) => parts.flatMap((part) => Object.keys(part)).sort();
  expect(names(served.paths)).toEqual(names(library.paths, own.paths));
  expect(names(served.components.schemas)).toEqual(names(library.components.schemas, own.components.schemas));
});
