import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, inject, test } from 'vitest';
import { Api } from './support/api';
import { closeDialog, expectAccessible, go, openAs, openHost, startBrowser } from './support/browser';

const url = inject('url');
let browser: Browser;
let api: Api;

beforeAll(async () => {
  browser = await startBrowser();
  api = await Api.as(url, 'ada');
  await api.breakServices(['web-07', 'nginx']);
});
afterAll(() => browser.close());

test(
  'axe finds nothing serious on any page or dialog but those of jobs, in light and in dark colours',
  { timeout: 600_000 },
  async () => {
    const job = await api.submit('web-07', 600);
    const { page, close } = await openAs(browser, url, 'ada');
    const dialog = page.getByRole('dialog');
    await page.getByRole('link', { name: 'batch-01' }).waitFor();
    await expectAccessible(page, 'hosts');

    await go(page, 'Overview');
    await page.getByRole('list', { name: 'Waiting jobs' }).getByText('nginx is running').first().waitFor();
    await page.getByRole('list', { name: 'Newest records' }).waitFor();
    await expectAccessible(page, 'overview');

    await openHost(page, 'web-07');
    await page.locator('[data-check="nginx is running"] [data-status="unhealthy"]').waitFor();
    await page.getByRole('button', { name: 'Details of nginx is running' }).click();
    await page.getByText('Newest results').waitFor();
    await page.getByRole('button', { name: 'Test nginx is running now' }).click();
    await page.getByTestId('test-result').waitFor();
    await expectAccessible(page, 'host detail');
    await page.getByRole('button', { name: 'Add health check' }).click();
    await page.getByRole('button', { name: 'Add check' }).click();
    await expectAccessible(page, 'check dialog, service');
    await dialog.getByRole('button', { name: 'HTTP' }).click();
    await expectAccessible(page, 'check dialog, http');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Discard your changes?' }).waitFor();
    await expectAccessible(page, 'discard dialog');
    await page.getByRole('button', { name: 'Keep editing' }).click();
    await closeDialog(page);
    await page.getByRole('button', { name: 'Delete nginx is running' }).click();
    await dialog.waitFor();
    await expectAccessible(page, 'delete dialog');
    await closeDialog(page);
    await page.getByRole('button', { name: 'Pause…' }).click();
    await dialog.waitFor();
    await expectAccessible(page, 'pause dialog');
    await closeDialog(page);
    await page.getByRole('button', { name: 'Copy checks…' }).click();
    await dialog.getByRole('checkbox', { name: /^nginx is running/ }).check();
    await dialog.getByRole('button', { name: /^Copy to / }).click();
    await dialog.getByText('Choose at least one host.').waitFor();
    await expectAccessible(page, 'copy dialog');
    await closeDialog(page);

    await go(page, 'Windows');
    await page.getByText('Weekend nights').waitFor();
    await expectAccessible(page, 'windows');
    await page.getByRole('button', { name: 'Edit Weekend nights' }).click();
    await dialog.waitFor();
    await expectAccessible(page, 'window dialog');
    await closeDialog(page);

    await go(page, 'Audit');
    await page.getByRole('row').nth(1).waitFor();
    await expectAccessible(page, 'audit');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'ada' }).waitFor();
    await page.getByLabel('Bearer token').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByText(/This token is not valid/).waitFor();
    await expectAccessible(page, 'sign-in');

    await api.call('POST', `/api/v1/jobs/${job.id}/cancel`);
    await close();
  },
);
