import { copyFile, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import type { HostList, Job } from '../src/app/api/types';
import { Api } from './support/api';
import { closeDialog, go, openAs, openHost, startBrowser } from './support/browser';
import { startDemo, type Demo } from './support/demo';

const url = inject('url');
const folder = resolve(process.env.SCREENSHOTS ?? 'screenshots');
let browser: Browser;
let api: Api;
let jobs: Record<'waiting' | 'failed' | 'overridden' | 'halted', string>;

/** The pictures of `docs/images`, and which of those taken here they are. They go into a folder of their own. */
const DOCUMENTED: Readonly<Record<string, string>> = {
  'hosts-light': 'hosts',
  'host-light': 'host',
  'deploy-hosts-light': 'deploy',
  'job-waiting-light': 'job',
  'job-halted-light': 'rollout',
  'job-wide-light': 'job-200-hosts',
};

const LOOKS: Record<string, BrowserContextOptions> = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 },
};

beforeAll(async () => {
  await mkdir(resolve(folder, 'docs'), { recursive: true });
  browser = await startBrowser();
  api = await Api.as(url, 'ada');
  await api.breakServices(['web-07', 'nginx'], ['db-05', 'postgresql']);
  const { id } = await api.submit('web-07', 1_500);
  // Two of the demo's own jobs: one fails at its close half a minute after the start.
  const list = await vi.waitFor(
    async () => {
      const answer = await api.call<{ jobs: Job[] }>('GET', '/api/v1/jobs');
      expect(answer.jobs.map((job) => job.status)).toEqual(expect.arrayContaining(['failed', 'succeeded']));
      expect(answer.jobs.map((job) => job.rollout?.state)).toContain('halted');
      return answer.jobs;
    },
    { timeout: 90_000, interval: 500 },
  );
  const of = (status: string) => list.find((job) => job.status === status)?.id ?? '';
  const halted = list.find((job) => job.rollout?.state === 'halted')?.id ?? '';
  jobs = { waiting: id, failed: of('failed'), overridden: of('succeeded'), halted };
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
    await page.getByRole('button', { name: 'Copy checks…' }).click();
    await dialog.getByRole('checkbox', { name: /^nginx is running/ }).check();
    await choose(page, dialog.getByLabel('Group'), /^web \(/);
    await dialog.getByRole('button', { name: /^Add all .* that match/ }).click();
    await dialog.getByText(/^Hosts \([1-9]/).waitFor();
    await shot('dialog-copy');
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
    await page.goto(`${url}/jobs/${jobs.halted}`);
    await page.getByRole('region', { name: 'What hosts wait for' }).waitFor();
    await shot('job-halted');
    await page.getByRole('region', { name: 'Rollout' }).getByRole('button', { name: 'Resume…' }).click();
    await shot('dialog-resume');
    await closeDialog(page);

    await go(page, 'Deploy');
    await page.getByRole('checkbox', { name: 'Choose all hosts on this page' }).check();
    await shot('deploy-hosts');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByLabel('in a window for this job alone').check();
    await shot('deploy-time');
    await page.getByRole('switch', { name: 'Roll out in stages' }).check();
    await shot('deploy-stages', true);
    await page.getByRole('switch', { name: 'Roll out in stages' }).uncheck();
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
    await choose(page, page.getByRole('combobox', { name: 'Actions' }), 'Health check created');
    await page.keyboard.press('Escape');
    await choose(page, page.getByLabel('Time'), 'Last 24 hours');
    await page.waitForURL(/time=24h/);
    await page.getByRole('row').nth(1).waitFor();
    await shot('audit-filtered');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'ada' }).waitFor();
    await shot('sign-in');
    await close();
  });
});

/** A job over 200 hosts of which some are held back, each group by a cause of its own. */
describe('a job over many hosts', () => {
  let demo: Demo;
  let jobId: string;

  beforeAll(async () => {
    demo = await startDemo('--hosts', '200');
    const many = await Api.as(demo.url, 'ada');
    const numbers = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => String(from + index).padStart(2, '0'));
    await many.breakServices(
      ...numbers(20, 17).map((number) => [`web-${number}`, 'nginx'] as const),
      ...numbers(28, 6).map((number) => [`cache-${number}`, 'redis-server'] as const),
    );
    const { hosts } = await many.call<HostList>('GET', '/api/v1/hosts?limit=200');
    const paused = new Set(numbers(30, 9).map((number) => `edge-${number}`));
    await many.call('POST', '/api/v1/pauses', {
      host_ids: hosts.filter(({ name }) => paused.has(name)).map(({ id }) => id),
      paused: true,
      reason: 'the switch of this rack is replaced',
    });
    const job = await many.call<Job>('POST', '/api/v1/jobs', {
      host_ids: hosts.map(({ id }) => id),
      name: 'openssl 3.5.4',
      window: {
        opens_at: new Date(Date.now() - 60_000).toISOString(),
        closes_at: new Date(Date.now() + 5_400_000).toISOString(),
      },
    });
    jobId = job.id;
    // Most have been patched, and some still are.
    await vi.waitFor(
      async () => {
        const { counts } = await many.call<Job>('GET', `/api/v1/jobs/${jobId}`);
        expect(counts.succeeded ?? 0).toBeGreaterThan(100);
        expect(counts.waiting_health_check ?? 0).toBeGreaterThanOrEqual(32);
      },
      { timeout: 170_000, interval: 500 },
    );
  }, 240_000);
  afterAll(() => demo?.stop());

  test.each(Object.keys(LOOKS))('%s', async (look) => {
    const { page, close } = await openAs(browser, demo.url, 'ada', LOOKS[look]);
    await page.goto(`${demo.url}/jobs/${jobId}`);
    await page.getByRole('region', { name: 'What hosts wait for' }).waitFor();
    await page.locator('[data-row]').first().waitFor();
    await take(page, `job-wide-${look}`, false);
    await page.getByRole('button', { name: /^service not running \(/ }).click();
    await page.getByRole('button', { name: /^Choose all .* that match/ }).click();
    await page.getByRole('button', { name: /^Override \(/ }).click();
    await page.getByRole('dialog').getByLabel('Reason').fill('nginx is mended by this very patch');
    await take(page, `dialog-override-many-${look}`, false);
    await closeDialog(page);
    await close();
  });
});

/** Chooses from a list that opens. */
async function choose(page: Page, field: Locator, option: string | RegExp): Promise<void> {
  await field.click();
  await page.getByRole('option', { name: option }).click();
}

async function take(page: Page, name: string, fullPage: boolean): Promise<void> {
  // The pointer must not leave a tooltip on the picture.
  await page.mouse.move(0, 0);
  await page.evaluate(async () => {
    await document.fonts.ready;
    await Promise.all(document.getAnimations().map((each) => each.finished.catch(() => undefined)));
  });
  const path = resolve(folder, `${name}.png`);
  await page.screenshot({ path, fullPage });
  const documented = DOCUMENTED[name];
  if (documented !== undefined) await copyFile(path, resolve(folder, 'docs', `${documented}.png`));
}
