import { act, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse } from 'msw';
import { lazy } from 'react';
import { createMemoryRouter, Route, RouterProvider, Routes } from 'react-router';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { at, HOST_ID, id, JOB_ID, makeGate, makeJob, makeJobHost } from '../mocks/fixtures';
import { formatInstant, formatShort, GateStatusPanel } from '../health';
import { problem } from '../mocks/handlers';
import AuditPage from '../pages/AuditPage';
import DeployPage from '../pages/DeployPage';
import JobDetailPage from '../pages/JobDetailPage';
import JobsPage from '../pages/JobsPage';
import WindowsPage from '../pages/WindowsPage';
import { renderApp } from '../test/render';
import { server } from '../test/server';
import { ColorMode } from './ColorMode';
import { Crash } from './Crash';
import { GroupNotice } from './GroupNotice';
import { Layout } from './Layout';
import { Page } from './Page';
import { readToken, signIn } from './session';

const user = userEvent.setup({ delay: null, pointerEventsCheck: 0 });

beforeEach(() => signIn('token-ada'));

function as(role: string) {
  server.use(http.get('*/api/v1/me', () => HttpResponse.json({ name: 'x', role, groups: ['web'] })));
}

const frame = (
  <ColorMode>
    <Routes>
      <Route element={<Layout />}>
        <Route path="/hosts" element={<Page title="Hosts">all of them</Page>} />
        <Route path="/jobs" element={<Page title="Jobs">none</Page>} />
      </Route>
    </Routes>
  </ColorMode>
);

/** The paths that were asked for from now on. */
function listen(): string[] {
  const asked: string[] = [];
  server.events.on('request:start', ({ request }) => {
    const { pathname, search } = new URL(request.url);
    asked.push(pathname + search);
  });
  return asked;
}

describe('the frame', () => {
  test('begins with a way to the content, names the page, and moves the focus to its heading', async () => {
    renderApp(frame, { route: '/hosts' });
    await user.click(await screen.findByRole('link', { name: 'Jobs' }));
    expect(screen.getByRole('heading', { name: 'Jobs', level: 1 })).toHaveFocus();
    await waitFor(() => expect(document.title).toBe('(1) Jobs · Patch manager'));
    expect(screen.getByRole('link', { name: 'Jobs' })).toHaveAttribute('aria-current', 'page');
    const [first] = screen.getAllByRole('link');
    expect(first).toHaveTextContent('Skip to the content');
    expect(first).toHaveAttribute('href', `#${screen.getByRole('main').id}`);
  });

  test.each([
    ['admin', ['Overview', 'Hosts', 'Deploy', 'Jobs', 'Windows', 'Audit']],
    ['operator', ['Overview', 'Hosts', 'Deploy', 'Jobs', 'Windows', 'Audit']],
    ['reporter', ['Overview', 'Hosts', 'Jobs', 'Windows']],
  ])('leads an %s where they may go', async (role, places) => {
    as(role);
    renderApp(frame, { route: '/hosts' });
    expect(await screen.findByText(role)).toBeVisible();
    const links = within(screen.getByRole('navigation', { name: 'Main' })).getAllByRole('link');
    expect(links.map((link) => link.textContent)).toEqual(places);
  });

  test('says what is frozen, for whom and until when', async () => {
    const freeze = { starts_at: at(-60), ends_at: at(3_600), groups: [], holds_exempt: false };
    server.use(
      http.get('*/api/v1/freezes', () =>
        HttpResponse.json({
          freezes: [
            { ...freeze, name: 'year end', active: true },
            { ...freeze, name: 'release', active: false, groups: ['web', 'db'], holds_exempt: true },
          ],
        }),
      ),
    );
    renderApp(frame, { route: '/hosts' });
    const notice = await screen.findByText(/^Frozen until/);
    expect(notice).toHaveTextContent(`until ${formatShort(freeze.ends_at)}: “year end”, all hosts.`);
    expect(notice).toHaveTextContent('Nothing starts, except rollbacks.');
    expect(screen.queryByText(/release/)).not.toBeInTheDocument();
    renderApp(<WindowsPage />);
    const ahead = await screen.findByText(/^Frozen from/);
    expect(ahead).toHaveTextContent('“release”, hosts in web, db. Nothing starts, rollbacks included.');
  });

  test('says how groups limit what is changed', async () => {
    server.use(
      http.get('*/api/v1/groups', () =>
        HttpResponse.json({
          groups: [
            { name: 'web', hosts: 12, max_unavailable: 1, unavailable: 1 },
            { name: 'db', hosts: 3, max_unavailable: 2, unavailable: 0 },
            { name: 'batch', hosts: 3, max_unavailable: null, unavailable: null },
            { name: 'edge', hosts: 1, max_unavailable: 1, unavailable: 0 },
          ],
        }),
      ),
    );
    renderApp(<GroupNotice names={new Set(['web', 'db', 'batch'])} />);
    expect(await screen.findByText(/^Group web/)).toHaveTextContent(
      'Group web: at most 1 of 12 hosts may be down or under change. 1 is now.',
    );
    expect(screen.getByText(/^Group db/)).toHaveTextContent('None is now.');
    expect(screen.getAllByRole('alert')).toHaveLength(2);
  });

  test('stays where a page cannot be fetched, says so, and tries again once the server answers', async () => {
    let there = false;
    const reload = vi.fn();
    vi.stubGlobal('location', { ...globalThis.location, origin: globalThis.location.origin, reload });
    server.use(http.get('*/healthz', () => (there ? HttpResponse.text('ok\n') : HttpResponse.error())));
    const Missing = lazy(() =>
      Promise.reject(new TypeError('Failed to fetch dynamically imported module: /assets/x.js')),
    );
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const router = createMemoryRouter([
      {
        element: <Layout />,
        children: [{ errorElement: <Crash />, children: [{ path: '/', element: <Missing /> }] }],
      },
    ]);
    renderApp(<RouterProvider router={router} />, { router: false });
    const fault = await screen.findByText(/The page could not be fetched from the server/);
    expect(screen.getByRole('navigation', { name: 'Main' })).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(fault).toHaveTextContent('The server still cannot be reached.'));
    expect(reload).not.toHaveBeenCalled();
    there = true;
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    await waitFor(() => expect(reload).toHaveBeenCalledOnce());
    complaints.mockRestore();
    vi.unstubAllGlobals();
  });

  test('the way to the content moves the focus, and keeps the address', async () => {
    renderApp(frame, { route: '/hosts#hosts=AAAA' });
    await user.click(await screen.findByRole('link', { name: 'Skip to the content' }));
    expect(screen.getByRole('main')).toHaveFocus();
    expect(globalThis.location.hash).toBe('');
  });

  test('keeps the colours that somebody chose', async () => {
    const { unmount } = renderApp(frame, { route: '/hosts' });
    expect(getComputedStyle(document.documentElement).colorScheme).toBe('light');
    await user.click(screen.getByRole('button', { name: 'Switch to dark colours' }));
    expect(getComputedStyle(document.documentElement).colorScheme).toBe('dark');
    unmount();
    renderApp(frame, { route: '/hosts' });
    expect(screen.getByRole('button', { name: 'Switch to light colours' })).toBeVisible();
  });

  test('says that it is not live, and that it is again', async () => {
    let broken = true;
    server.use(
      http.get('*/api/v1/events', () => (broken ? HttpResponse.error() : undefined)),
      http.get('*/api/v1/me', () => HttpResponse.json({ name: 'ada', role: 'admin', groups: [] })),
    );
    renderApp(frame, { route: '/hosts', live: true });
    const banner = await screen.findByText(/Not live: the connection to the server is lost/);
    expect(banner.closest('[aria-live="polite"]')).not.toBeNull();
    expect(screen.getByText('Not live')).toBeVisible();
    broken = false;
    await user.click(screen.getByRole('button', { name: 'Try now' }));
    expect(await screen.findByText('Live')).toBeVisible();
    await waitFor(() => expect(screen.queryByText(/connection to the server is lost/)).toBeNull());
  });

  test('signs out', async () => {
    renderApp(frame, { route: '/hosts' });
    await user.click(screen.getByRole('button', { name: 'Sign out' }));
    expect(readToken()).toBeNull();
  });
});

describe('pages say so while they wait, where nothing is, and when it fails', () => {
  test.each([
    ['jobs', <JobsPage key="" />, '*/api/v1/jobs', { jobs: [] }, 'No jobs', 'The jobs'],
    [
      'audit',
      <AuditPage key="" />,
      '*/api/v1/health-checks/audit',
      { records: [] },
      'Nothing has been recorded',
      'The audit log',
    ],
    [
      'windows',
      <WindowsPage key="" />,
      '*/api/v1/maintenance-windows',
      { windows: [] },
      'No maintenance windows',
      'The windows',
    ],
  ])('%s', async (_, page, path, empty, words, what) => {
    let answer: () => Response = () => problem(503, 'store_unavailable', 'The store is down.');
    server.use(http.get(path, () => answer()));
    renderApp(page);
    expect(screen.getByRole('status', { name: /^Loading/ })).toBeVisible();
    expect(await screen.findByText(`${what} could not be loaded. The store is down.`)).toBeVisible();
    answer = () => HttpResponse.json({ ...empty, next_cursor: null });
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByText(words)).toBeVisible();
    expect(screen.queryByRole('table')).toBeNull();
  });
});

describe('a job', () => {
  const page = (
    <Routes>
      <Route path="/jobs/:jobId" element={<JobDetailPage />} />
    </Routes>
  );

  test('is cancelled after a question whose answers cannot be mistaken', async () => {
    const cancelled = vi.fn(() => HttpResponse.json(makeJob({ status: 'cancelled' })));
    server.use(http.post('*/api/v1/jobs/:id/cancel', cancelled));
    renderApp(page, { route: `/jobs/${JOB_ID}` });
    await user.click(await screen.findByRole('button', { name: 'Cancel job…' }));
    const dialog = screen.getByRole('dialog', { name: /^Cancel job .*\?$/ });
    expect(within(dialog).getByRole('button', { name: 'Keep it' })).toHaveFocus();
    await user.click(within(dialog).getByRole('button', { name: 'Cancel the job' }));
    await waitFor(() => expect(cancelled).toHaveBeenCalledOnce());
  });

  test.each(['operator', 'reporter'])('offers an %s no override', async (role) => {
    as(role);
    server.use(http.get('*/api/v1/jobs/:id', () => HttpResponse.json(makeJob())));
    renderApp(page, { route: `/jobs/${JOB_ID}` });
    expect(await screen.findByText('Waiting for 1 failing check')).toBeVisible();
    await waitFor(() =>
      expect(screen.queryAllByRole('button', { name: 'Cancel job…' })).toHaveLength(
        role === 'operator' ? 1 : 0,
      ),
    );
    expect(screen.queryByRole('button', { name: 'Override…' })).toBeNull();
  });

  test('says what its hosts wait for, what clears it, and when they can go ahead', async () => {
    const hosts = [1, 2].map((number) =>
      makeJobHost({ host_id: id(number), status: 'waiting_health_check' }),
    );
    const group = { cause: 'checks', who: 'operator', clears: 'a new run finds them healthy', host_ids: [] };
    server.use(
      http.get('*/api/v1/jobs/:id', () =>
        HttpResponse.json(makeJob({ hosts, status: 'running', host_count: 2 })),
      ),
      http.get('*/api/v1/jobs/:id/explain', () =>
        HttpResponse.json({
          groups: [
            { ...group, count: 7, detail: 'nginx: service_unhealthy', earliest_pass_at: at(600) },
            { ...group, count: 1, detail: 'disk: stale', earliest_pass_at: null },
            {
              ...group,
              count: 2,
              detail: 'its window opens at 2026-11-30T07:24:34Z',
              clears: 'the time: it is 2026-11-30T07:24:34Z',
              earliest_pass_at: '2026-11-30T07:24:34Z',
            },
            {
              ...group,
              cause: 'busy',
              who: 'other_job',
              count: 3,
              detail: 'the gate of job 01a22aeb-ade8-7260-8d9e-cb5a71f30ec9 holds this host',
              clears: 'that gate ends',
              earliest_pass_at: null,
            },
          ],
          total: 13,
        }),
      ),
    );
    renderApp(page, { route: `/jobs/${JOB_ID}` });
    const list = await screen.findByRole('region', { name: 'What hosts wait for' });
    expect(list).toHaveTextContent('7 hosts · nginx: service is not running');
    expect(list).toHaveTextContent(
      `Clears when a new run finds them healthy. Earliest start after that: ${formatShort(at(600))}.`,
    );
    expect(list).toHaveTextContent('1 host · disk: the last result is too old');
    expect(list).toHaveTextContent('Too late: no host has enough time left.');
    expect(list).toHaveTextContent(
      /3 hosts · the gate of job 71f30ec9 holds this hostClears when that gate ends\.(?! Too late)/,
    );
    const opens = formatShort('2026-11-30T07:24:34Z');
    expect(list).toHaveTextContent(`2 hosts · its window opens at ${opens}Clears by itself, at ${opens}.`);
  });
});

test('the audit log asks for the names of its hosts in one request, and keeps them', async () => {
  const record = (number: number) => ({
    id: id(0xe00 + number),
    at: at(-number),
    actor: 'ada',
    role: 'admin',
    action: 'health_check_updated',
    outcome: 'allowed',
    host_id: id(number),
    check_id: null,
    job_id: null,
    changes: [{ field: 'expires_at', before: null, after: '2026-11-25T03:44:43.241166Z' }],
    reason: null,
    request_id: null,
  });
  server.use(
    http.get('*/api/v1/health-checks/audit', ({ request }) => {
      const second = new URL(request.url).searchParams.has('cursor');
      const records = [1, 2, 3, ...(second ? [4] : [])].map(record);
      return HttpResponse.json({ records, next_cursor: second ? null : 'x' });
    }),
  );
  const asked = listen();
  renderApp(<AuditPage />);
  expect(await screen.findByRole('link', { name: 'cache-03' })).toBeVisible();
  expect(screen.getAllByText(formatInstant('2026-11-25T03:44:43Z'))).not.toHaveLength(0);
  await user.click(screen.getByRole('button', { name: 'Show older' }));
  expect(await screen.findByRole('link', { name: 'mail-04' })).toBeVisible();
  const names = asked.filter((path) => path.startsWith('/api/v1/hosts'));
  expect(names).toEqual([
    `/api/v1/hosts?ids=${[id(1), id(2), id(3)].join(',')}`,
    `/api/v1/hosts?ids=${id(4)}`,
  ]);
});

test('a job for now is previewed in the longest wait that the server allows', async () => {
  const windows: { opens_at: string; closes_at: string }[] = [];
  server.use(
    http.get('*/api/v1/settings', () => HttpResponse.json({ immediate_max_wait_secs: 600 })),
    http.post('*/api/v1/gates/preview', async ({ request }) => {
      const body = (await request.clone().json()) as { window: (typeof windows)[number] };
      windows.push(body.window);
      return undefined;
    }),
  );
  renderApp(<DeployPage />, { route: `/deploy?host=${HOST_ID}` });
  await screen.findByText('1 host chosen');
  await user.click(screen.getByRole('button', { name: 'Continue' }));
  await user.click(await screen.findByRole('radio', { name: /^now, .* at most 10 min$/ }));
  await user.click(screen.getByRole('button', { name: 'Continue' }));
  expect(await screen.findByText(/1 host with all checks healthy/)).toBeVisible();
  expect(screen.getByText(/within 10 min\./)).toBeVisible();
  const [window] = windows;
  expect(Date.parse(window?.closes_at ?? '') - Date.parse(window?.opens_at ?? '')).toBe(600_000);
});

test('a countdown counts', async () => {
  const now = Math.floor(Date.now() / 1_000) * 1_000;
  vi.useFakeTimers({ now, toFake: ['setInterval', 'clearInterval', 'Date'] });
  try {
    renderApp(<GateStatusPanel gate={makeGate({ next_attempt_at: at(90), closes_at: at(3_700) })} />);
    const read = () => screen.getAllByRole('timer').map((timer) => timer.firstChild?.textContent);
    expect(read()).toEqual(['1 min 30 s', '1 h 1 min']);
    await act(() => vi.advanceTimersByTimeAsync(61_000));
    expect(read()).toEqual(['29 s', '1 h']);
    await act(() => vi.advanceTimersByTimeAsync(60_000));
    expect(read()).toEqual(['any moment', '59 min 39 s']);
  } finally {
    vi.useRealTimers();
  }
});
