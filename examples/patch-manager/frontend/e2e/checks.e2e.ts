import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import type { HealthCheck } from '../src/health/api/types';
import { Api } from './support/api';
import { openAs, openHost, startBrowser } from './support/browser';

const url = inject('url');
let browser: Browser;
let api: Api;

beforeAll(async () => {
  browser = await startBrowser();
  api = await Api.as(url, 'ada');
});
afterAll(() => browser.close());

test('an http check with a password: added, asked for again at another origin, tested', async () => {
  const { page, close } = await openAs(browser, url, 'ada');
  const { checks } = await api.call<{ checks: HealthCheck[] }>(
    'GET',
    `/api/v1/hosts/${await api.hostId('web-01')}/health-checks`,
  );
  const health = checks.find((check) => check.check_type === 'http')?.url ?? '';
  await openHost(page, 'web-01');

  await page.getByRole('button', { name: 'Add health check' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add health check' });
  await dialog.getByRole('button', { name: 'HTTP' }).click();
  await dialog.getByLabel('Name').fill('Members only');
  await dialog.getByLabel('URL').fill(health);
  await dialog.getByLabel('Basic auth user').fill('monitor');
  await dialog.getByLabel('Basic auth password').fill('canary-password');
  await dialog.getByRole('button', { name: 'Add check' }).click();
  await dialog.waitFor({ state: 'hidden' });
  const row = page.locator('[data-check="Members only"]');
  await row.locator('[data-status="healthy"]').waitFor();

  await row.getByRole('button', { name: 'Edit Members only' }).click();
  const edit = page.getByRole('dialog', { name: /Edit health check/ });
  expect(await edit.getByLabel('Basic auth password').inputValue()).toBe('');
  await edit.getByText('One is stored. Leave empty to keep it.').waitFor();
  const elsewhere = health.replace('127.0.0.1', 'localhost');
  await edit.getByLabel('URL').fill(elsewhere);
  await edit.getByText(/now points to http:\/\/localhost/).waitFor();
  await edit.getByRole('button', { name: 'Save' }).click();
  await edit.getByText('Enter the password again, or remove it.').waitFor();
  await edit.getByLabel('Basic auth password, again').fill('canary-password');

  await edit.getByRole('button', { name: 'Test' }).click();
  await edit
    .getByTestId('test-result')
    .getByText(/Test passed/)
    .waitFor();
  await edit.getByRole('button', { name: 'Save' }).click();
  await edit.waitFor({ state: 'hidden' });
  await row.getByText(elsewhere).waitFor();
  expect(await page.content()).not.toContain('canary-password');

  await row.getByRole('button', { name: 'Delete Members only' }).click();
  const confirm = page.getByRole('dialog', { name: /Delete the health check “Members only”/ });
  await confirm.getByRole('button', { name: 'Delete' }).click();
  await row.waitFor({ state: 'hidden' });
  await close();
});

test('a service that breaks turns its row red without a reload, and green again', async () => {
  const { page, close } = await openAs(browser, url, 'ada');
  await openHost(page, 'web-03');
  await page.evaluate(() => Object.assign(globalThis, { sameDocument: true }));
  const row = page.locator('[data-check="nginx is running"]');
  await row.locator('[data-status="healthy"]').waitFor();
  await page.getByRole('button', { name: 'Break nginx' }).click();
  await row.locator('[data-status="unhealthy"]').waitFor();
  await row.getByText('Service is not running').waitFor();
  await page.getByRole('button', { name: 'Repair nginx' }).click();
  await row.locator('[data-status="healthy"]').waitFor();
  expect(await page.evaluate(() => Object.hasOwn(globalThis, 'sameDocument'))).toBe(true);
  await close();
});

test('F132 script in a name and a unit and a URL stays text', async () => {
  const script = '<img src=x onerror=alert(1)><script>alert(2)</script>';
  const host = await api.hostId('batch-04');
  const made = await api.call<HealthCheck>('POST', `/api/v1/hosts/${host}/health-checks`, {
    name: script,
    check_type: 'http',
    url: 'http://127.0.0.1:9/?<script>alert(3)</script>',
    expected_body: '<b>bold</b>',
  });
  const { page, close } = await openAs(browser, url, 'ada');
  await openHost(page, 'batch-04');
  await page.getByRole('heading', { name: script }).waitFor();
  await page.getByRole('button', { name: `Details of ${script}` }).click();
  await page.getByText('“<b>bold</b>”').waitFor();
  await page.getByRole('button', { name: `Delete ${script}` }).click();
  await page.getByRole('dialog', { name: /<script>alert\(2\)/ }).waitFor();
  expect(await page.locator('img[src="x"]').count()).toBe(0);
  await api.call('DELETE', `/api/v1/hosts/${host}/health-checks/${made.id}`);
  await close();
});

test('five checks are the most, and the button says so', async () => {
  const host = await api.hostId('batch-05');
  const made: HealthCheck[] = [];
  for (const name of ['one', 'two', 'three']) {
    const body = { name, check_type: 'service', service_name: 'sshd' };
    made.push(await api.call<HealthCheck>('POST', `/api/v1/hosts/${host}/health-checks`, body));
  }
  const { page, close } = await openAs(browser, url, 'ada');
  await openHost(page, 'batch-05');
  await page.getByText(/5 of 5: the most a host can have/).waitFor();
  expect(await page.getByRole('button', { name: 'Add health check' }).isDisabled()).toBe(true);
  for (const check of made) await api.call('DELETE', `/api/v1/hosts/${host}/health-checks/${check.id}`);
  await close();
});
