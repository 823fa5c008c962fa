import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { Job, MaintenanceWindow } from '../src/app/api/types';
import { Api } from './support/api';
import { openAs, openHost, startBrowser } from './support/browser';

const url = inject('url');
let browser: Browser;
let api: Api;

beforeAll(async () => {
  browser = await startBrowser();
  api = await Api.as(url, 'ada');
  await api.breakServices(
    ['web-06', 'nginx'],
    ['batch-06', 'cron'],
    ['batch-07', 'cron'],
    ['batch-08', 'cron'],
  );
});
afterAll(() => browser.close());

test('a gate waits for a broken service, and passes once it is mended', async () => {
  const { page, close } = await openAs(browser, url, 'ada');
  await openHost(page, 'web-06');
  await page.getByRole('link', { name: 'Deploy…' }).click();
  await page.getByText('1 host chosen').waitFor();
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
  const preview = page.getByRole('region', { name: 'Preview' });
  await preview.getByText('1 host would wait for its checks to become healthy').waitFor();
  await preview.getByText(/web-06 – nginx is running: Service is not running/).waitFor();
  await page.getByRole('button', { name: 'Submit…' }).click();
  const confirm = page.getByRole('dialog', { name: 'Patch 1 host?' });
  await confirm.getByText(/1 host is not healthy/).waitFor();
  await confirm.getByRole('button', { name: 'Submit the job' }).click();

  const card = page.locator('[data-host="web-06"]');
  await card.getByText('Waiting for 1 failing check').waitFor();
  await card.getByText('Window closes').waitFor();
  expect(await card.getByRole('timer').count()).toBeGreaterThan(0);
  await api.setService('web-06', 'nginx', 'healthy');
  await card.getByText('Went ahead: all checks healthy').waitFor();
  await card.getByText('After the patch: verified, 3 of 3 healthy').waitFor();
  await card.getByText('Succeeded').waitFor();
  await close();
});

test('a job whose checks stay red fails at its close, and names them', async () => {
  const job = await api.submit('batch-06', 12);
  const { page, close } = await openAs(browser, url, 'ada');
  await page.goto(`${url}/jobs/${job.id}`);
  const card = page.locator('[data-host="batch-06"]');
  await card.getByText('Failed: the window closed before every check was healthy').waitFor();
  await card.getByText('Service is not running').first().waitFor();
  await card.getByRole('button', { name: 'Timeline' }).click();
  await card
    .getByText(/^Attempt \d+$/)
    .first()
    .waitFor();
  await api.setService('batch-06', 'cron', 'healthy');
  await close();
});

test('an administrator lets a failing check pass, with a reason that is recorded', async () => {
  const job = await api.submit('batch-07', 600);
  const { page, close } = await openAs(browser, url, 'ada');
  await page.goto(`${url}/jobs/${job.id}`);
  const card = page.locator('[data-host="batch-07"]');
  await card.getByRole('button', { name: 'Override…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Override the gate of batch-07' });
  await dialog.getByLabel('Reason').fill('short');
  await dialog.getByRole('button', { name: 'Override and continue' }).click();
  await dialog.getByText('Give a reason of at least 10 characters.').waitFor();
  await dialog.getByLabel('Reason').fill('cron is mended by this very patch');
  await dialog.getByRole('button', { name: 'Override and continue' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await card.getByText('Went ahead: failing checks were overridden').waitFor();
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Audit' }).click();
  await page.getByText('“cron is mended by this very patch”').waitFor();
  await api.setService('batch-07', 'cron', 'healthy');
  await close();
});

test('a waiting job is cancelled', async () => {
  const job = await api.submit('batch-08', 600);
  const { page, close } = await openAs(browser, url, 'ada');
  await page.goto(`${url}/jobs/${job.id}`);
  await page.getByRole('button', { name: 'Cancel job…' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
  await page.locator('[data-gate="cancelled"]').waitFor();
  await page.getByRole('button', { name: 'Cancel job…' }).waitFor({ state: 'hidden' });
  await api.setService('batch-08', 'cron', 'healthy');
  await close();
});

test('a gate shows its times in its window’s zone and in UTC, whatever zone the browser has', async () => {
  const host = await api.hostId('cache-05');
  // It opened before any of the demo's own windows that touch it, so that what they make together is shown in
  // its zone. Those are on Saturdays and Sundays.
  const starts = [10, 34, 58].map((hours) => ({ hours, at: new Date(Date.now() - hours * 3_600_000) }));
  const opened = starts.find(({ at }) => at.getUTCDay() % 6 !== 0);
  if (opened === undefined) throw new Error('one of three days in a row is a weekday');
  const window = await api.call<MaintenanceWindow>('POST', '/api/v1/maintenance-windows', {
    name: 'At the other office',
    host_ids: [host],
    recurrence: 'once',
    starts_at: opened.at.toISOString(),
    time_zone: 'America/New_York',
    duration_minutes: (opened.hours + 1) * 60,
    enabled: true,
  });
  await api.breakServices(['cache-05', 'redis-server']);
  const job = await api.call<Job>('POST', '/api/v1/jobs', { host_ids: [host] });
  const { page, close } = await openAs(browser, url, 'ada');
  await page.goto(`${url}/jobs/${job.id}`);
  const card = page.locator('[data-host="cache-05"]');
  await card
    .getByText(/, \d\d:\d\d E[DS]T · (.*, )?\d\d:\d\d UTC$/)
    .first()
    .waitFor();
  expect(await card.getByText(/CES?T/).count()).toBe(0);
  await card.getByRole('link', { name: 'cache-05' }).click();
  await page.getByText(/until .* E[DS]T/).waitFor();
  await api.call('POST', `/api/v1/jobs/${job.id}/cancel`);
  await api.call('DELETE', `/api/v1/maintenance-windows/${window.id}`);
  await api.setService('cache-05', 'redis-server', 'healthy');
  await close();
});
