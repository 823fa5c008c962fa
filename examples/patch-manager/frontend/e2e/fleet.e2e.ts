import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { HostOutcomeList, Job } from '../src/app/api/types';
import { Api } from './support/api';
import { startBrowser } from './support/browser';
import { startFleet, type Fleet } from './support/fleet';
import { Task, Watch } from './support/measure';

/** The size of the fleet. Without `FLEET_HOSTS` this file is not run: the fleet takes minutes to furnish. */
const HOSTS = Number(process.env.FLEET_HOSTS ?? 1_000);
/** How long each page is watched, in seconds: a whole minute, as a job begins with a burst of events. */
const WATCHED = 60;
/** At most so many bytes a minute for a thousand hosts; more hosts are read less often. */
const BYTES = 2_000_000 * Math.max(1, HOSTS / 1_000);
/** The most that a page may shift by itself (CLS). */
const SHIFT = 0.1;
/** The most elements of any page: rows are shown by the page, whatever the fleet's size. */
const ELEMENTS = 4_000;
const COPIED_AT_ONCE = 200;
const LONG = HOSTS > 2_000 ? 1_800_000 : 600_000;

let browser: Browser;
let fleet: Fleet;
let api: Api;
let jobId: string;

/** Each host but every fifth has a check, which fails since no agent answers. */
async function furnish(): Promise<void> {
  const [first, ...others] = fleet.hosts;
  if (first === undefined) throw new Error('a fleet has hosts');
  const checks = `/api/v1/hosts/${first.id}/health-checks`;
  const check = await api.call<{ id: string }>('POST', checks, {
    name: 'ssh runs',
    check_type: 'service',
    service_name: 'sshd',
  });
  const checked = others.filter((_, index) => index % 5 !== 0).map((host) => host.id);
  for (let start = 0; start < checked.length; start += COPIED_AT_ONCE) {
    const host_ids = checked.slice(start, start + COPIED_AT_ONCE);
    const { results } = await api.call<{ results: { outcome: string }[] }>('POST', `${checks}/copy`, {
      check_ids: [check.id],
      host_ids,
    });
    expect(results.filter(({ outcome }) => outcome !== 'created')).toEqual([]);
  }
}

/** Opens a page as the administrator. */
async function open(path: string): Promise<{ page: Page; watch: Watch; usableAfter: () => number }> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 860 },
    locale: 'en-GB',
    reducedMotion: 'reduce',
  });
  await context.addInitScript((token) => sessionStorage.setItem('patch-manager-token', token), fleet.token);
  const page = await context.newPage();
  page.setDefaultTimeout(90_000);
  const watch = await Watch.of(page);
  const started = performance.now();
  await page.goto(fleet.url + path);
  return { page, watch, usableAfter: () => Math.round(performance.now() - started) };
}

beforeAll(async () => {
  fleet = await startFleet(HOSTS);
  browser = await startBrowser();
  api = new Api(fleet.url, fleet.token);
  await furnish();
  const job = await api.call<Job>('POST', '/api/v1/jobs', {
    host_ids: fleet.hosts.map((host) => host.id),
    immediate: true,
    name: 'Whole fleet',
  });
  jobId = job.id;
}, LONG);
afterAll(async () => {
  await browser?.close();
  await fleet?.stop();
});

test(
  'pages of a whole fleet stay small and still while its job goes on',
  async () => {
    const measured: Record<string, string | number>[] = [];
    const figures: { path: string; before: number; minute: number; shift: number; elements: number }[] = [];
    for (const [path, ready] of [
      ['/hosts', (page: Page) => page.getByRole('table', { name: 'Hosts' })],
      [`/jobs/${jobId}`, (page: Page) => page.getByRole('table', { name: 'Hosts of this job' })],
      ['/audit', (page: Page) => page.getByRole('table', { name: /Audit log/ })],
    ] as const) {
      const { page, watch, usableAfter } = await open(path);
      await ready(page).waitFor();
      const usable = usableAfter();
      // What the page shows first has come; from here on it is what keeps it fresh.
      await page.waitForLoadState('load');
      await watch.longestTask();
      watch.most();
      const [before, from] = [watch.received(), performance.now()];
      await page.waitForTimeout(WATCHED * 1_000);
      const minute = ((watch.received() - before) * 60_000) / (performance.now() - from);
      const [shift, elements] = [await watch.shift(), await watch.elements()];
      const longest = await watch.longestTask();
      const filter = page.getByRole('group', { name: /^Filter by/ }).getByRole('button', { pressed: false });
      const filters = await filter.count();
      console.log(`${path} in ${WATCHED} s: ${watch.most()}`);
      if (shift >= SHIFT) console.log(`${path} moved:\n${(await watch.shifted()).join('\n')}`);
      figures.push({ path, before, minute, shift, elements });
      measured.push({
        page: path.replace(jobId, '…'),
        'usable after (ms)': usable,
        'to open (kB)': Math.round(before / 1_000),
        'a minute (kB)': Math.round(minute / 1_000),
        CLS: shift.toFixed(3),
        elements,
        'longest task (ms)': longest === 0 ? '< 50' : Math.round(longest),
        'a filter answers (ms)': filters === 0 ? '–' : Math.round(await watch.answers(filter.last())),
      });
      await page.context().close();
    }
    console.log(`${HOSTS.toLocaleString('en-GB')} hosts`);
    console.table(measured);
    for (const { path, before, minute, shift, elements } of figures) {
      expect(before, `${path} opens`).toBeGreaterThan(0);
      expect(minute, `bytes a minute of ${path}`).toBeLessThanOrEqual(BYTES);
      expect(shift, `layout shift of ${path}`).toBeLessThan(SHIFT);
      expect(elements, `elements of ${path}`).toBeLessThan(ELEMENTS);
    }
  },
  LONG,
);

/** Waits until the job's list says that its hosts are held back. */
async function blocked(): Promise<number> {
  return vi.waitFor(
    async () => {
      const { counts } = await api.call<Job>('GET', `/api/v1/jobs/${jobId}`);
      const waiting = counts.waiting_health_check ?? 0;
      expect(waiting).toBeGreaterThan(HOSTS * 0.7);
      return waiting;
    },
    { timeout: LONG, interval: 1_000 },
  );
}

// Where eight thousand agents are silent, the manager holds itself to be at fault, and names no other cause.
test.runIf(HOSTS <= 2_000)(
  'common tasks over a whole fleet take few clicks',
  async () => {
    await blocked();
    const { page } = await open('/hosts');
    const tasks: Task[] = [];
    const link = (name: string) => page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name });
    const button = (name: string | RegExp) => page.getByRole('button', { name });
    const begin = async (name: string) => {
      await page.goto(`${fleet.url}/hosts`);
      await page.getByRole('table', { name: 'Hosts' }).waitFor();
      const task = new Task(page, name);
      tasks.push(task);
      return task;
    };
    const toJob = async (task: Task) => {
      await task.click(link('Jobs'));
      await task.click(page.getByRole('row', { name: /Whole fleet/ }).getByRole('link'));
      await page.getByRole('region', { name: 'Progress' }).waitFor();
    };
    // Each host is decided and recorded by itself.
    const outcome = (words: RegExp) =>
      page
        .getByRole('dialog')
        .getByText(words)
        .waitFor({ timeout: LONG / 2 });

    let task = await begin('Find why most hosts of a job wait');
    await toJob(task);
    await task.click(button(/^no answer from host \(/));
    await page
      .getByText(/The agent does not answer|ssh runs: /)
      .first()
      .waitFor();

    task = await begin('See every attempt of one waiting host');
    await toJob(task);
    await task.click(button(/^no answer from host \(/));
    const row = page.locator('[data-row]').first();
    const name = (await row.getAttribute('data-row')) ?? '';
    // By its name: another row may come first by now.
    await task.click(page.locator(`[data-row="${name}"]`).getByRole('button'));
    await task.click(page.locator(`[data-host="${name}"]`).getByRole('button', { name: 'Timeline' }));
    await page
      .getByText(/^Attempt \d+$/)
      .first()
      .waitFor();

    task = await begin('Cancel a job on one host');
    await toJob(task);
    // Of a thousand hosts it may be on any page.
    await task.type(page.getByRole('searchbox', { name: 'Search by name' }), name);
    await task.click(page.getByRole('checkbox', { name: `Choose ${name}` }));
    await task.click(button('Cancel hosts (1)…'));
    await task.click(button('Cancel these hosts'));
    await outcome(/^1 cancelled$/);
    await task.click(button('Close'));

    task = await begin('Try a job again on the hosts that failed, with its settings');
    await toJob(task);
    await task.click(button(/^Cancelled \(1\)/));
    await task.click(button(/^Choose all 1 that match/));
    await task.click(page.getByRole('link', { name: 'Try again (1)…' }));
    await page.getByText('1 host chosen').waitFor();

    task = await begin('Override all hosts that wait for one cause');
    await toJob(task);
    await task.click(button(/^no answer from host \(/));
    await task.click(button(/^Choose all .* that match/));
    await task.click(button(/^Override \(/));
    await task.type(
      page.getByRole('dialog').getByLabel('Reason'),
      'the agents are updated by this very patch',
    );
    await task.click(button('Override and continue'));
    await outcome(/^[\d,]+ overridden/);
    await task.click(button('Close'));

    task = await begin('Find the hosts whose checks fail for one reason');
    await task.choose(page.getByLabel('Reason'), /^No connection \(/);
    await page
      .getByText(/^ssh runs: No connection/)
      .first()
      .waitFor();

    task = await begin('Pause all hosts of a group');
    await task.choose(page.getByLabel('Group'), /^edge \(/);
    await task.click(button(/^Choose all .* that match/));
    await page.getByText(/chosen$/).waitFor();
    await task.click(button('Pause…'));
    await task.type(page.getByRole('dialog').getByLabel('Reason'), 'a new switch');
    await task.click(page.getByRole('dialog').getByRole('button', { name: 'Pause' }));
    await outcome(/^[\d,]+ paused$/);
    await task.click(button('Close'));

    task = await begin('Test all checks of some hosts');
    await task.click(page.getByRole('checkbox', { name: /^Choose batch-/ }).first());
    await task.click(page.getByRole('checkbox', { name: /^Choose batch-/ }).nth(1));
    await task.click(button('Test all checks…'));
    await task.click(button('Test'));
    await page.getByText(/^Dry run: the checks ran once/).waitFor();

    task = await begin('Copy a check to all hosts of a group');
    await task.type(page.getByRole('searchbox', { name: 'Search by name or address' }), 'web-00000');
    await task.click(page.getByRole('link', { name: 'web-00000', exact: true }));
    await task.click(button('Copy checks…'));
    await task.click(page.getByRole('checkbox', { name: /^ssh runs/ }));
    await task.choose(page.getByRole('dialog').getByLabel('Group'), /^batch \(/);
    await task.click(button(/^Add all .* that match/));
    await page
      .getByRole('dialog')
      .getByText(/^Hosts \([1-9]/)
      .waitFor();
    await task.click(button(/^Copy to /));
    await outcome(/copied|there already/);
    await task.click(button('Close'));

    task = await begin('Give all hosts of a group a maintenance window');
    await task.click(link('Windows'));
    await task.click(button('Add window'));
    await task.type(page.getByRole('dialog').getByRole('textbox', { name: 'Name', exact: true }), 'Nightly');
    await task.choose(page.getByRole('dialog').getByLabel('Recurs'), 'Daily');
    await task.choose(page.getByRole('dialog').getByLabel('Group'), /^db \(/);
    await task.click(button(/^Add all .* that match/));
    await page
      .getByRole('dialog')
      .getByText(/^Hosts \([1-9]/)
      .waitFor();
    await task.click(page.getByRole('dialog').getByRole('button', { name: 'Add window' }));
    await page.getByRole('rowheader', { name: /Nightly/ }).waitFor();

    task = await begin('Export what one user did in the last day');
    await task.click(link('Audit'));
    await task.type(page.getByRole('searchbox', { name: 'User’s name' }), 'ada');
    await task.choose(page.getByLabel('Time', { exact: true }), 'Last 24 hours');
    await page.waitForURL(/who=ada.*time=24h/);
    const download = page.waitForEvent('download');
    await task.click(button('Export CSV'));
    const file = await readFile(await (await download).path(), 'utf8');
    expect(file.split('\r\n').length).toBeGreaterThan(HOSTS * 0.7);
    expect(file).toContain('the agents are updated by this very patch');

    task = await begin('Go from a host to the job that waits for it');
    const waiting = await hostThatWaits();
    await task.type(page.getByRole('searchbox', { name: 'Search by name or address' }), waiting);
    await task.click(page.getByRole('link', { name: waiting, exact: true }));
    await task.click(page.getByRole('region', { name: 'Jobs for this host' }).getByRole('link').first());
    await page.getByRole('region', { name: 'Progress' }).waitFor();

    const rows = tasks.map((each) => each.row());
    console.log(['| task | clicks | typed |', '| --- | --- | --- |', ...rows].join('\n'));
    expect(rows).toHaveLength(12);
    await page.context().close();
  },
  LONG,
);

/** A host that a job waits for, made so: all others may have gone on by now. */
async function hostThatWaits(): Promise<string> {
  const host = fleet.hosts.find(({ name }) => name.startsWith('edge-'));
  if (host === undefined) throw new Error('the fleet has a host of this group');
  const other = fleet.hosts.find(({ name, id }) => name.startsWith('edge-') && id !== host.id);
  // Two hosts: of one alone the page shows no list.
  const host_ids = [host.id, other?.id ?? host.id];
  const { done } = await api.call<HostOutcomeList>('POST', '/api/v1/pauses', {
    host_ids,
    paused: true,
    reason: 'a new switch',
  });
  expect(done).toBe(2);
  await api.call('POST', '/api/v1/jobs', { host_ids, immediate: true, name: 'Two hosts' });
  return host.name;
}
