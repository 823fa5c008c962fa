import AxeBuilder from '@axe-core/playwright';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { paleTexts } from './contrast';

/** Starts the Chromium of this machine. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page in a context of its own, and what went wrong in it. */
export interface Session {
  page: Page;
  /** Errors of scripts, violations of the content security policy, and dialogs that a script opened. */
  faults: string[];
  /** Closes it; fails where anything went wrong in it. */
  close: () => Promise<void>;
}

/** Opens the list of hosts as one of the demo's users. */
export async function openAs(
  browser: Browser,
  url: string,
  user: string,
  options: BrowserContextOptions = {},
): Promise<Session> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 860 },
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  // Far above what a step takes: only what never comes is to end a test.
  page.setDefaultTimeout(60_000);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(`script: ${error.message}`));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) faults.push(message.text());
  });
  page.on('dialog', (dialog) => {
    faults.push(`a script opened a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(url);
  await page.getByRole('button', { name: user }).click();
  await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  await go(page, 'Hosts');
  const close = async () => {
    await context.close();
    expect(faults).toEqual([]);
  };
  return { page, faults, close };
}

/** Opens a page by its link in the main navigation, and waits for it: until it comes, the page before is there. */
export async function go(page: Page, place: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: place }).click();
  await page.getByRole('heading', { name: place, level: 1 }).waitFor();
}

/** Closes the open dialog by the keyboard, and throws away what was filled in. */
export async function closeDialog(page: Page): Promise<void> {
  // A question that still fades has the focus, and would take the key.
  await page.getByRole('dialog', { name: 'Discard your changes?' }).waitFor({ state: 'hidden' });
  await page.keyboard.press('Escape');
  const discard = page.getByRole('button', { name: 'Discard' });
  const gone = () => document.querySelector('[role="dialog"]') === null;
  // Either it goes, or it asks.
  await Promise.race([discard.waitFor().catch(() => undefined), page.waitForFunction(gone)]);
  if (await discard.isVisible()) await discard.click();
  await page.waitForFunction(gone);
}

/** Opens a host's page through the list's search. */
export async function openHost(page: Page, name: string): Promise<void> {
  await go(page, 'Hosts');
  await page.getByRole('searchbox', { name: /Search/ }).fill(name);
  await page.getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
  await page.getByRole('heading', { name: 'Health checks' }).waitFor();
}

/** Rules that count however grave axe takes them to be. */
const STRICT = ['heading-order', 'aria-conditional-attr', 'color-contrast', 'label-content-name-mismatch'];

/**
 * Holds what is on the screen against the rules of accessibility: all of them in light colours, contrast again in
 * dark ones, since nothing else differs, and the strict ones again on a phone, where other parts are shown.
 */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  await inColours(page, 'light');
  expect(await graveFaults(page, inUse(page)), `${what}, light`).toEqual([]);
  await inColours(page, 'dark');
  const contrast = inUse(page).withRules(['color-contrast']);
  expect(await graveFaults(page, contrast), `${what}, dark`).toEqual([]);
  await inColours(page, 'light');
  const size = page.viewportSize();
  if (size === null || size.width <= PHONE.width) return;
  await page.setViewportSize(PHONE);
  await inColours(page, 'light');
  expect(await graveFaults(page, inUse(page).withRules(STRICT)), `${what}, on a phone`).toEqual([]);
  await page.setViewportSize(size);
  // The next step acts on the wide page, not on one that still becomes it.
  await inColours(page, 'light');
}

const PHONE = { width: 390, height: 844 };

/**
 * Asks for colours and waits until they are there: until the page has been rendered in them, and nothing
 * fades any more. What is half there has no contrast worth measuring.
 */
async function inColours(page: Page, scheme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme: scheme });
  await page.waitForFunction((wanted) => {
    const rendered = getComputedStyle(document.documentElement).colorScheme === wanted;
    // Something that turns for ever, such as a progress indicator, is never over.
    const fading = document
      .getAnimations()
      .some((animation) => animation.effect?.getComputedTiming().endTime !== Infinity);
    return rendered && !fading;
  }, scheme);
}

/** What can be used: the page behind an open dialog is dimmed on purpose, and hidden from assistive technology. */
function inUse(page: Page): AxeBuilder {
  return (
    new AxeBuilder({ page })
      .options({
        rules: Object.fromEntries(STRICT.map((rule) => [rule, { enabled: true }])),
        resultTypes: ['violations', 'incomplete'],
      })
      .exclude('[aria-hidden="true"]')
      // Opens no second page to put frames together: there are none. It takes half the time.
      .setLegacyMode()
  );
}

async function graveFaults(page: Page, axe: AxeBuilder): Promise<string[]> {
  const { violations, incomplete } = await axe.analyze();
  const found = violations
    .filter(({ id, impact }) => STRICT.includes(id) || impact === 'serious' || impact === 'critical')
    .flatMap((violation) =>
      violation.nodes.map((node) => `${violation.id}: ${node.html}: ${node.failureSummary ?? ''}`),
    );
  const untold = incomplete.filter(({ id }) => id === 'color-contrast').flatMap(({ nodes }) => nodes);
  return [
    ...found,
    ...(await paleTexts(
      page,
      untold.map(({ target }) => target.join(' ')),
    )),
  ];
}
