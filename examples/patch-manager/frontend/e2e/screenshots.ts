import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import type { Job } from '../src/app/api/types';
import { Api } from './support/api';
import { closeDialog, go, openAs, openHost, startBrowser } from './support/browser';

const url = inject('url');
const folder = resolve(process.env.SCREENSHOTS ?? 'screenshots');
let browser: Browser;
let api: Api;
let jobs: Record<'waiting' | 'failed' | 'overridden', string>;

const LOOKS: Record<string, BrowserContextOptions> = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
};

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  browser = await startBrowser();
  api = await Api.as(url, 'ada');
  await api.breakServices(['web-07', 'nginx'], ['db-05', 'postgresql']);
  const { id } = await api.submit('web-07', 1_500);
  // Two of the demo's own jobs: one fails at its close half a minute after the start.
  const list = await vi.waitFor(
    async () => {
      const answer = await api.call<{ jobs: Job[] }>('GET', '/api/v1/jobs');
      expect(answer.jobs.map((job) => job.status)).toEqual(expect.arrayContaining(['failed', 'succeeded']));
      return answer.jobs;
    },
    { timeout: 90_000, interval: 500 },
  );
  const of = (status: string) => list.find((job) => job.status === status)?.id ?? '';
  jobs = { waiting: id, failed: of('failed'), overridden: of('succeeded') };
}, 150_000);
afterAll(() => browser.close());

/** Opens the first host of a job, with its timeline where there were attempts. */
async function openCard(page: Page): Promise<void> {
  const card = page.getByRole('list', { name: 'Checks of this gate' }).first();
  const row = page.locator('[data-row] button').first();
  await card.or(row).first().waitFor();
  if (!(await card.isVisible())) await row.click();
  await card.waitFor();
  const timeline = page.getByRole('button', { name: 'Timeline' }).first();
  if (await timeline.isVisible()) await timeline.click();
}

describe.each(Object.keys(LOOKS))('%s', (look) => {
  test('every page and dialog', { timeout: 180_000 }, async () => {
    const { page, close } = await openAs(browser, url, 'ada', LOOKS[look]);
    const shot = (name: string, fullPage = false) => take(page, `${name}-${look}`, fullPage);
    const dialog = page.getByRole('dialog');

    await go(page, 'Overview');
    await page.getByRole('list', { name: 'Waiting jobs' }).getByText('nginx is running').first().waitFor();
    await page.getByRole('list', { name: 'Newest records' }).waitFor();
    await shot('overview', true);
    await go(page, 'Hosts');
    await page.getByRole('link', { name: 'batch-01' }).waitFor();
    await shot('hosts');
    await page.getByRole('button', { name: /^Unhealthy / }).click();
    await page.getByRole('link', { name: 'batch-01' }).waitFor({ state: 'hidden' });
    await shot('hosts-unhealthy');

    await openHost(page, 'web-07');
    await page.locator('[data-check="nginx is running"] [data-status="unhealthy"]').waitFor();
    await page.getByRole('button', { name: 'Test nginx is running now' }).click();
    await page.getByTestId('test-result').waitFor();
    await shot('host');
    await page.getByRole('button', { name: 'Details of nginx is running' }).click();
    await page.getByText('Newest results').waitFor();
    await page.locator('.uplot').waitFor();
    await shot('host-details', true);

    await page.getByRole('button', { name: 'Add health check' }).click();
    await dialog.getByLabel(/^Name/).fill('Backup runs');
    await dialog.getByLabel('Service name').fill('backup@.service');
    await page.keyboard.press('Tab');
    await shot('dialog-service');
    await dialog.getByRole('button', { name: 'HTTP' }).click();
    await dialog.getByLabel('URL').fill('https://shop.example:8443/health');
    await dialog.getByLabel('Basic auth user').fill('monitor');
    await dialog.getByLabel('Basic auth password').fill('not shown');
    await shot('dialog-http');
    await closeDialog(page);
    await page.getByRole('button', { name: 'Delete nginx is running' }).click();
    await shot('dialog-delete');
    await closeDialog(page);
    await page.getByRole('button', { name: 'Pause…' }).click();
    await shot('dialog-pause');
    await closeDialog(page);

    await go(page, 'Jobs');
    await page.getByRole('row').nth(1).waitFor();
    await shot('jobs');
    await page.goto(`${url}/jobs/${jobs.waiting}`);
    await page.getByRole('button', { name: 'Timeline' }).click({ timeout: 30_000 });
    await page
      .getByText(/^Attempt \d+$/)
      .first()
      .waitFor();
    await shot('job-waiting');
    await page.getByRole('button', { name: 'Override…' }).click();
    await dialog.getByLabel('Reason').fill('nginx is mended by this very patch');
    await shot('dialog-override');
    await closeDialog(page);
    await page.getByRole('button', { name: 'Cancel job…' }).click();
    await shot('dialog-cancel');
    await closeDialog(page);
    for (const name of ['failed', 'overridden'] as const) {
      await page.goto(`${url}/jobs/${jobs[name]}`);
      await openCard(page);
      await shot(`job-${name}`, true);
    }

    await go(page, 'Deploy');
    await page.getByRole('checkbox', { name: 'Choose all hosts on this page' }).check();
    await shot('deploy-hosts');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByLabel('in a window for this job alone').check();
    await shot('deploy-time');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page
      .getByText(/hosts? without a health check/)
      .first()
      .waitFor();
    await shot('deploy-review', true);
    await page.getByRole('button', { name: 'Submit…' }).click();
    await shot('dialog-submit');
    await closeDialog(page);

    await go(page, 'Windows');
    await page.getByText('Weekend nights').waitFor();
    await shot('windows');
    await page.getByRole('button', { name: 'Edit Weekend nights' }).click();
    await shot('dialog-window');
    await closeDialog(page);

    await go(page, 'Audit');
    await page.getByRole('row').nth(1).waitFor();
    await shot('audit');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'ada' }).waitFor();
    await shot('sign-in');
    await close();
  });
});

async function take(page: Page, name: string, fullPage: boolean): Promise<void> {
  // The pointer must not leave a tooltip on the picture.
  await page.mouse.move(0, 0);
  await page.evaluate(async () => {
    await document.fonts.ready;
    await Promise.all(document.getAnimations().map((each) => each.finished.catch(() => undefined)));
  });
  await page.screenshot({ path: resolve(folder, `${name}.png`), fullPage });
}
