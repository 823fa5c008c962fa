import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, inject, test } from 'vitest';
import { Api } from './support/api';
import { closeDialog, expectAccessible, go, openAs, startBrowser } from './support/browser';

const url = inject('url');
let browser: Browser;
let api: Api;

beforeAll(async () => {
  browser = await startBrowser();
  api = await Api.as(url, 'ada');
  await api.breakServices(['web-08', 'nginx']);
});
afterAll(() => browser.close());

test(
  'axe finds nothing serious on any page or dialog of a job, in light and in dark colours',
  { timeout: 600_000 },
  async () => {
    const job = await api.submit('web-08', 600);
    const { page, close } = await openAs(browser, url, 'ada');
    const dialog = page.getByRole('dialog');
    await page.goto(`${url}/jobs/${job.id}`);
    await page.getByRole('button', { name: 'Override…' }).click();
    await dialog.waitFor();
    await dialog.getByRole('button', { name: 'Override and continue' }).click();
    await expectAccessible(page, 'override dialog');
    await closeDialog(page);
    await page.getByRole('button', { name: 'Timeline' }).click();
    await page
      .getByText(/^Attempt \d+$/)
      .first()
      .waitFor();
    await expectAccessible(page, 'job');
    await page.getByRole('button', { name: 'Cancel job…' }).click();
    await dialog.waitFor();
    await expectAccessible(page, 'cancel dialog');
    await closeDialog(page);

    // As a rollout that was halted, without waiting for one.
    const rollout = {
      state: 'halted',
      stage: 0,
      in_flight: 0,
      used: 1,
      reason: '1 host failed; the budget is 0',
    };
    const path = `**/api/v1/jobs/${job.id}`;
    await page.route(path, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...((await response.json()) as object), rollout } });
    });
    await page.reload();
    await page.getByRole('region', { name: 'Rollout' }).waitFor();
    await expectAccessible(page, 'halted rollout');
    await page.getByRole('button', { name: 'Resume…' }).click();
    await dialog.waitFor();
    await dialog.getByRole('button', { name: 'Resume' }).click();
    await expectAccessible(page, 'resume dialog');
    await closeDialog(page);
    await page.unroute(path);

    // The demo's job over several hosts.
    await page.goto(`${url}/jobs/${(await api.stagedJob()).id}`);
    await page.getByRole('checkbox', { name: 'Choose all hosts on this page' }).check();
    await expectAccessible(page, 'job over several hosts');
    await page.getByRole('button', { name: /^Pause \(/ }).click();
    await dialog.getByRole('button', { name: 'Pause' }).click();
    await dialog.getByText('Give a reason.').waitFor();
    await expectAccessible(page, 'dialog for many hosts');
    await closeDialog(page);

    await go(page, 'Jobs');
    await page.getByRole('row').nth(1).waitFor();
    await expectAccessible(page, 'jobs');

    await go(page, 'Deploy');
    await page.getByRole('checkbox', { name: 'Choose all hosts on this page' }).check();
    await expectAccessible(page, 'deploy, hosts');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByLabel('in a window for this job alone').check();
    await expectAccessible(page, 'deploy, time');
    await page.getByRole('switch', { name: 'Roll out in stages' }).check();
    await page.getByRole('textbox', { name: 'Stage 1: up to' }).fill('none');
    await expectAccessible(page, 'deploy, stages');
    await page.getByRole('switch', { name: 'Roll out in stages' }).uncheck();
    await page.getByLabel(/^Report only/).check();
    await page.getByRole('textbox', { name: 'Reason' }).fill('the checks themselves are broken');
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('This is not a dry run.').waitFor();
    await page.getByText(/will be patched although unhealthy/).waitFor();
    await expectAccessible(page, 'deploy, report only');
    await page.getByRole('button', { name: 'Back' }).click();
    await page.getByLabel(/^wait until they are healthy/).check();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText(/hosts? without a health check/).waitFor();
    await expectAccessible(page, 'deploy, review');
    await page.getByRole('button', { name: 'Submit…' }).click();
    await dialog.waitFor();
    await expectAccessible(page, 'submit dialog');
    await closeDialog(page);

    await api.call('POST', `/api/v1/jobs/${job.id}/cancel`);
    await close();
  },
);
