import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse } from 'msw';
import { Route, Routes } from 'react-router';
import { beforeEach, describe, expect, test } from 'vitest';
import { AllCheckbox } from '../app/AllCheckbox';
import { Layout } from '../app/Layout';
import { signIn } from '../app/session';
import { setWaitingJobs } from '../app/title';
import { recordWords } from '../app/audit';
import { formatShort } from '../health';
import { at, id, JOB_ID, makeJob } from '../mocks/fixtures';
import { problem } from '../mocks/handlers';
import { renderApp } from '../test/render';
import { server } from '../test/server';
import OverviewPage from './OverviewPage';

const user = userEvent.setup({ delay: null, pointerEventsCheck: 0 });

beforeEach(() => {
  signIn('token-ada');
  setWaitingJobs(0);
});

function serveJobs(...jobs: Partial<ReturnType<typeof makeJob>>[]) {
  server.use(
    http.get('*/api/v1/jobs', () =>
      HttpResponse.json({ jobs: jobs.map((job) => makeJob(job)), next_cursor: null }),
    ),
  );
}

describe('the overview', () => {
  test('counts the hosts by health, each figure a link to its hosts', async () => {
    server.use(
      http.get('*/api/v1/host-totals', () =>
        HttpResponse.json({
          total: 1_240,
          statuses: { healthy: 1_200, unhealthy: 30, unknown: 8, none: 2 },
          reasons: [],
          groups: [],
        }),
      ),
    );
    renderApp(<OverviewPage />);
    const list = await screen.findByRole('list', { name: 'Hosts by health' });
    const links = within(list)
      .getAllByRole('link')
      .map((link) => [link.textContent, link.getAttribute('href')]);
    expect(links).toEqual([
      ['30 Unhealthy', '/hosts?status=unhealthy'],
      ['8 Unknown', '/hosts?status=unknown'],
      ['1,200 Healthy', '/hosts?status=healthy'],
      ['2 No checks', '/hosts?status=none'],
    ]);
    expect(screen.getByRole('region', { name: 'Fleet health' })).toHaveTextContent('1,240 hosts');
  });

  test('says which jobs wait, and why, in words', async () => {
    serveJobs(
      { name: 'November', host_count: 9, counts: { waiting_health_check: 7, succeeded: 2 } },
      { id: id(0xa02), counts: { patching: 1 } },
      { id: id(0xa03), status: 'succeeded', counts: { succeeded: 1 } },
      { id: id(0xa04), status: 'queued', counts: { waiting_for_window: 1 } },
    );
    const earliest = at(600);
    const group = { who: 'operator', host_ids: [], earliest_pass_at: earliest };
    server.use(
      http.get('*/api/v1/jobs/:id/explain', ({ params }) =>
        HttpResponse.json(
          params.id === JOB_ID
            ? {
                groups: [
                  {
                    ...group,
                    cause: 'checks',
                    count: 7,
                    detail: 'nginx: service_unhealthy; disk: free below 5 %',
                    clears: 'a new run finds these checks healthy',
                  },
                ],
                total: 7,
              }
            : { groups: [], total: 0 },
        ),
      ),
    );
    renderApp(<OverviewPage />);
    const card = await screen.findByRole('region', { name: 'Waiting jobs' });
    expect(await within(card).findByText(/^2 jobs with 8 hosts that wait/)).toHaveTextContent(
      '1 more job is running and waits for nothing.',
    );
    expect(within(card).getByRole('link', { name: 'November' })).toHaveAttribute('href', `/jobs/${JOB_ID}`);
    const entry = (await within(card).findByText(/nginx: service is not running; disk: free/)).closest('li');
    expect(entry).toHaveTextContent('7 hosts: nginx');
    expect(entry).toHaveTextContent(
      `Clears when a new run finds these checks healthy. Earliest start after that: ${formatShort(earliest)}.`,
    );
  });

  test('names the freezes, and the next windows in the order of their opening', async () => {
    const window = {
      host_ids: [id(1)],
      recurrence: 'daily',
      time_zone: 'UTC',
      start_time: '02:00',
      duration_minutes: 60,
      enabled: true,
    };
    const [freezes, thaws] = [at(5_000), at(9_000)];
    const opening = (from: number) => ({ opens_at: at(from), closes_at: at(from + 3_600) });
    server.use(
      http.get('*/api/v1/maintenance-windows', ({ request }) =>
        HttpResponse.json(
          new URL(request.url).searchParams.has('cursor')
            ? {
                windows: [{ ...window, id: id(3), name: 'first', occurrence: opening(600) }],
                next_cursor: null,
              }
            : {
                windows: [
                  { ...window, id: id(1), name: 'second', occurrence: opening(90_000) },
                  { ...window, id: id(2), name: 'off', enabled: false, occurrence: opening(60) },
                  { ...window, id: id(4), name: 'over', occurrence: null },
                ],
                next_cursor: 'x',
              },
        ),
      ),
      http.get('*/api/v1/freezes', () =>
        HttpResponse.json({
          freezes: [
            {
              name: 'year end',
              groups: [],
              starts_at: freezes,
              ends_at: thaws,
              holds_exempt: false,
              active: false,
            },
          ],
        }),
      ),
    );
    renderApp(<OverviewPage />);
    const list = await screen.findByRole('list', { name: 'Next maintenance windows' });
    const names = within(list)
      .getAllByRole('listitem')
      .map((item) => item.querySelector('strong')?.textContent);
    expect(names).toEqual(['first', 'second']);
    expect(screen.getByRole('list', { name: 'Freezes' })).toHaveTextContent(
      `year end: all hosts frozen from ${formatShort(freezes)} until ${formatShort(thaws)}`,
    );
  });

  test('tells what was done and refused today, and nothing of yesterday', async () => {
    const record = {
      actor: 'ada',
      role: 'admin',
      host_id: null,
      check_id: null,
      job_id: JOB_ID,
      changes: [],
      reason: null,
      request_id: null,
    };
    server.use(
      http.get('*/api/v1/health-checks/audit', () =>
        HttpResponse.json({
          records: [
            { ...record, id: id(1), at: at(0), action: 'job_cancelled', outcome: 'refused' },
            { ...record, id: id(2), at: at(0), action: 'job_created', outcome: 'allowed' },
            { ...record, id: id(3), at: at(-90_000), action: 'host_paused', outcome: 'allowed' },
          ],
          next_cursor: 'x',
        }),
      ),
    );
    renderApp(<OverviewPage />);
    const card = await screen.findByRole('region', { name: 'Today' });
    expect(await within(card).findByText('2 records, 1 refused.')).toBeVisible();
    expect(card).toHaveTextContent('Cancel job: refused');
    expect(card).toHaveTextContent('Job submitted');
    expect(card).not.toHaveTextContent('Host paused');
  });

  test('asks for no audit log on behalf of who may not read it', async () => {
    let asked = 0;
    server.use(
      http.get('*/api/v1/me', () => HttpResponse.json({ name: 'rita', role: 'reporter', groups: ['web'] })),
      http.get('*/api/v1/health-checks/audit', () => {
        asked += 1;
        return problem(403, 'forbidden', 'You do not have the right to do this.');
      }),
    );
    renderApp(<OverviewPage />);
    expect(await screen.findByRole('list', { name: 'Waiting jobs' })).toBeVisible();
    expect(await screen.findByRole('list', { name: 'Hosts by health' })).toBeVisible();
    expect(screen.queryByRole('region', { name: 'Today' })).toBeNull();
    expect(asked).toBe(0);
  });

  test('shows what it has where one part fails, and tries that again', async () => {
    let broken = true;
    server.use(
      http.get('*/api/v1/host-totals', () =>
        broken
          ? problem(503, 'store_unavailable', 'The store is down.')
          : HttpResponse.json({ total: 1, statuses: { healthy: 1 }, reasons: [], groups: [] }),
      ),
    );
    renderApp(<OverviewPage />);
    const card = await screen.findByRole('region', { name: 'Fleet health' });
    expect(await within(card).findByText(/could not be loaded. The store is down/)).toBeVisible();
    expect(await screen.findByRole('list', { name: 'Waiting jobs' })).toBeVisible();
    broken = false;
    await user.click(within(card).getByRole('button', { name: 'Try again' }));
    expect(await within(card).findByRole('list', { name: 'Hosts by health' })).toBeVisible();
  });
});

test('the tab shows how many jobs wait, in its title and on its icon', async () => {
  const icon = document.createElement('link');
  icon.rel = 'icon';
  icon.href = '/favicon.svg';
  document.head.append(icon);
  serveJobs({ counts: { waiting_health_check: 3 } }, { id: id(2), counts: { queued: 1 } });
  const { unmount } = renderApp(
    <Routes>
      <Route element={<Layout />}>
        <Route path="/" element={<OverviewPage />} />
      </Route>
    </Routes>,
  );
  await waitFor(() => expect(document.title).toBe('(2) Overview · Patch manager'));
  expect(decodeURIComponent(icon.href)).toContain('>2</text>');
  unmount();
  setWaitingJobs(12);
  expect(decodeURIComponent(icon.href)).toContain('>9+</text>');
  setWaitingJobs(0);
  expect(document.title).toBe('Overview · Patch manager');
  expect(icon.getAttribute('href')).toBe('/favicon.svg');
  icon.remove();
});

test('a refused action is not told as one that was done', () => {
  expect(recordWords({ action: 'job_cancelled', outcome: 'allowed' })).toBe('Job cancelled');
  expect(recordWords({ action: 'job_cancelled', outcome: 'refused' })).toBe('Cancel job: refused');
});

test('a box for all is mixed where some are chosen, by its native state alone', () => {
  const box = () => screen.getByRole<HTMLInputElement>('checkbox', { name: 'All' });
  const { unmount } = renderApp(<AllCheckbox label="All" all={false} some onChange={() => undefined} />);
  expect(box()).toBePartiallyChecked();
  expect(box().indeterminate).toBe(true);
  expect(box()).not.toHaveAttribute('aria-checked');
  unmount();
  renderApp(<AllCheckbox label="All" all some onChange={() => undefined} />);
  expect(box()).toBeChecked();
  expect(box().indeterminate).toBe(false);
});
