import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse } from 'msw';
import { Route, Routes, useLocation } from 'react-router';
import { beforeEach, describe, expect, test } from 'vitest';
import { readToken, sessionEnded, signIn } from '../app/session';
import { makeHost } from '../mocks/fixtures';
import { problem } from '../mocks/handlers';
import { renderApp } from '../test/render';
import { server } from '../test/server';
import DeployPage from './DeployPage';
import { INITIAL_PLAN, planFault, requestOf } from './deploy/plan';
import HostDetailPage from './HostDetailPage';
import HostsPage from './HostsPage';
import SignInPage from './SignInPage';
import { bodyOf, faultsOf, formOf } from './windows/form';
import WindowsPage from './WindowsPage';

const user = userEvent.setup({ delay: null, pointerEventsCheck: 0 });

beforeEach(() => signIn('token-ada'));

function Where() {
  return <output data-testid="where">{useLocation().search}</output>;
}

function as(role: string) {
  server.use(http.get('*/api/v1/me', () => HttpResponse.json({ name: 'x', role, groups: ['web'] })));
}

describe('sign-in', () => {
  test('by one of the demo’s users', async () => {
    sessionStorage.clear();
    renderApp(<SignInPage />);
    await user.click(await screen.findByRole('button', { name: /rita/ }));
    expect(readToken()).toBe('token-rita');
  });

  test('by a token where there is no demo, and not by something that is none', async () => {
    sessionStorage.clear();
    server.use(http.get('*/api/v1/demo/users', () => problem(404, 'not_found', 'No.')));
    renderApp(<SignInPage />);
    const token = screen.getByLabelText('Bearer token');
    await user.type(token, 'two words');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    expect(token).toHaveAccessibleDescription(/no spaces/);
    expect(readToken()).toBeNull();
    await user.clear(token);
    await user.type(token, ' abc ');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    await waitFor(() => expect(readToken()).toBe('abc'));
  });

  test('a wrong token is told as such, and begins no session', async () => {
    sessionStorage.clear();
    const tokens: (string | null)[] = [];
    server.use(
      http.get('*/api/v1/me', ({ request }) => {
        tokens.push(request.headers.get('Authorization'));
        return problem(401, 'unauthenticated', 'You are not signed in.');
      }),
    );
    renderApp(<SignInPage />);
    const token = screen.getByLabelText('Bearer token');
    await user.type(token, 'wrong');
    await user.click(screen.getByRole('button', { name: 'Sign in' }));
    await waitFor(() => expect(token).toHaveAccessibleDescription(/^This token is not valid\./));
    expect(tokens).toEqual(['Bearer wrong']);
    expect(readToken()).toBeNull();
    expect(screen.queryByText(/session has ended/)).toBeNull();
  });

  test('says so when the server ended the session', () => {
    sessionEnded();
    renderApp(<SignInPage />);
    expect(screen.getByText(/Your session has ended/)).toBeVisible();
    expect(readToken()).toBeNull();
  });
});

describe('hosts', () => {
  test('search, filter, order and pages are asked of the server, and stand in the address', async () => {
    const asked: string[] = [];
    server.events.on('request:start', ({ request }) => {
      const url = new URL(request.url);
      if (url.pathname === '/api/v1/hosts') asked.push(url.search);
    });
    renderApp(
      <>
        <HostsPage />
        <Where />
      </>,
    );
    expect(await screen.findByText('web-01')).toBeVisible();
    // The page holds its 50 rows and no more, however many hosts there are.
    expect(document.querySelectorAll('tbody tr')).toHaveLength(50);
    await user.click(screen.getByText('Next'));
    expect(await screen.findByText('cache-51')).toBeVisible();
    await user.click(screen.getByRole('button', { name: /^Unhealthy / }));
    await user.type(screen.getByPlaceholderText(/Search/), 'db');
    await waitFor(() => expect(asked.at(-1)).toBe('?limit=50&sort=name&q=db&status=unhealthy'));
    await user.click(screen.getByText('Checks'));
    await waitFor(() => expect(asked.at(-1)).toBe('?limit=50&sort=status&q=db&status=unhealthy'));
    expect(screen.getByTestId('where')).toHaveTextContent('?status=unhealthy&q=db&sort=status');
  });

  test('an empty answer says what to do', async () => {
    renderApp(<HostsPage />, { route: '/?q=nothing-like-it' });
    expect(await screen.findByText('No host matches')).toBeVisible();
  });

  test('an error can be tried again', async () => {
    server.use(
      http.get('*/api/v1/hosts', () => problem(503, 'store_unavailable', 'The store is down.'), {
        once: true,
      }),
    );
    renderApp(<HostsPage />);
    expect(await screen.findByText(/The hosts could not be loaded. The store is down./)).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('link', { name: 'web-01' })).toBeVisible();
  });
});

describe('a host', () => {
  const page = (
    <Routes>
      <Route path="/hosts/:hostId" element={<HostDetailPage />} />
    </Routes>
  );
  const route = `/hosts/${makeHost().id}`;

  test('is for looking only, for a reporter', async () => {
    as('reporter');
    renderApp(page, { route });
    expect(await screen.findByRole('heading', { name: 'nginx' })).toBeVisible();
    expect(screen.queryByRole('button', { name: /Pause|Add|Edit|Delete|Test/ })).toBeNull();
    expect(screen.queryByRole('link', { name: 'Deploy…' })).toBeNull();
  });

  test('is paused with a reason', async () => {
    const bodies: unknown[] = [];
    server.use(
      http.put('*/api/v1/hosts/:id/paused', async ({ request }) => {
        bodies.push(await request.json());
        return HttpResponse.json(makeHost());
      }),
    );
    renderApp(page, { route });
    await user.click(await screen.findByRole('button', { name: 'Pause…' }));
    const dialog = screen.getByRole('dialog', { name: 'Pause web-01' });
    await user.click(within(dialog).getByRole('button', { name: 'Pause' }));
    expect(within(dialog).getByText('Give a reason.')).toBeVisible();
    await user.type(within(dialog).getByLabelText(/Reason/), 'new disk');
    await user.click(within(dialog).getByRole('button', { name: 'Pause' }));
    await waitFor(() => expect(bodies).toEqual([{ paused: true, reason: 'new disk' }]));
  });

  test('that is hidden or gone says what it can', async () => {
    renderApp(page, { route: '/hosts/0199b3a0-0000-7000-8000-00000000ffff' });
    expect(await screen.findByText(/The host could not be loaded. There is no such host./)).toBeVisible();
  });
});

describe('deploy', () => {
  test('goes on only with hosts, and asks before it submits', async () => {
    const bodies: unknown[] = [];
    server.use(
      http.post('*/api/v1/jobs', async ({ request }) => {
        bodies.push(await request.json());
        return problem(422, 'invalid', 'A host has no window.', [
          { field: 'host_ids', code: 'out_of_range', message: 'web-01 has no window' },
        ]);
      }),
    );
    renderApp(<DeployPage />);
    await user.click(await screen.findByRole('button', { name: 'Continue' }));
    expect(screen.getByText('Choose at least one host.')).toBeVisible();
    await user.click(await screen.findByRole('checkbox', { name: 'Choose web-01' }));
    await user.click(screen.getByRole('button', { name: 'Continue' }));
    await user.click(screen.getByRole('radio', { name: /^now/ }));
    await user.click(screen.getByRole('button', { name: 'Continue' }));
    expect(await screen.findByText(/1 host with all checks healthy/)).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Submit…' }));
    await user.click(screen.getByRole('button', { name: 'Submit the job' }));
    await waitFor(() => expect(bodies).toEqual([{ host_ids: [makeHost().id], immediate: true }]));
    expect(await screen.findByText('web-01 has no window')).toBeVisible();
  });

  test('a window of its own has to make sense', () => {
    const now = Date.parse('2026-11-24T12:00:00');
    const plan = { ...INITIAL_PLAN, timing: 'explicit' as const, opens: '2026-11-24T11:00' };
    expect(planFault(plan, now)).toMatch(/when it closes/);
    expect(planFault({ ...plan, closes: '2026-11-24T11:00' }, now)).toMatch(/close after it opens/);
    expect(planFault({ ...plan, closes: '2026-11-24T11:30' }, now)).toMatch(/closed already/);
    expect(planFault({ ...plan, closes: '2026-12-02T11:00' }, now)).toMatch(/7 days/);
    const fine = { ...plan, closes: '2026-11-24T13:00' };
    expect(planFault(fine, now)).toBeNull();
    expect(requestOf(fine, ['h'])).toEqual({
      host_ids: ['h'],
      window: {
        opens_at: new Date('2026-11-24T11:00').toISOString(),
        closes_at: new Date('2026-11-24T13:00').toISOString(),
      },
    });
  });

  test('a way around the gate has a reason, and a dry run needs none', () => {
    const plan = { ...INITIAL_PLAN, mode: 'report_only' as const };
    expect(planFault(plan)).toMatch(/at least 10 characters/);
    expect(planFault({ ...plan, reason: '   too short   ' })).toMatch(/at least 10 characters/);
    const fine = { ...plan, reason: ' the check itself is broken ' };
    expect(planFault(fine)).toBeNull();
    expect(requestOf(fine, ['h'])).toEqual({
      host_ids: ['h'],
      report_only: true,
      reason: 'the check itself is broken',
    });
    const dry = { ...fine, mode: 'dry_run' as const };
    expect(planFault({ ...dry, reason: '' })).toBeNull();
    expect(requestOf(dry, ['h'])).toEqual({ host_ids: ['h'], dry_run: true });
  });

  test.each(['operator', 'admin'])('an %s is offered what they may do', async (role) => {
    let answered = 0;
    server.use(
      http.get('*/api/v1/me', () => {
        answered += 1;
        return HttpResponse.json({ name: 'ada', role, groups: ['web'] });
      }),
    );
    renderApp(<DeployPage />);
    await user.click(await screen.findByRole('checkbox', { name: 'Choose web-01' }));
    await user.click(screen.getByRole('button', { name: 'Continue' }));
    expect(screen.getByRole('radio', { name: /^Dry run/ })).toBeInTheDocument();
    await waitFor(() => expect(answered).toBeGreaterThan(0));
    if (role === 'admin') await screen.findByRole('radio', { name: /^Report only/ });
    const reportOnly = screen.queryByRole('radio', { name: /^Report only/ });
    expect(reportOnly !== null).toBe(role === 'admin');
    if (reportOnly === null) return;
    await user.click(reportOnly);
    await user.click(screen.getByRole('button', { name: 'Continue' }));
    expect(screen.getByText('Say why, in at least 10 characters.')).toBeVisible();
    await user.type(screen.getByRole('textbox', { name: /Reason/ }), 'the check itself is broken');
    await user.click(screen.getByRole('button', { name: 'Continue' }));
    expect(await screen.findByRole('button', { name: 'Submit…' })).toBeVisible();
  });
});

test('a host’s header follows one’s own change at once', async () => {
  let total = 3;
  const health = () => ({
    status: 'healthy',
    healthy: total,
    unhealthy: 0,
    unknown: 0,
    total,
    oldest_checked_at: null,
  });
  server.use(
    http.get('*/api/v1/hosts/:id', () => HttpResponse.json({ ...makeHost(), health: health() })),
    http.delete('*/api/v1/hosts/:id/health-checks/:check', () => {
      total -= 1;
      return new HttpResponse(null, { status: 204 });
    }),
  );
  renderApp(
    <Routes>
      <Route path="/hosts/:hostId" element={<HostDetailPage />} />
    </Routes>,
    { route: `/hosts/${makeHost().id}` },
  );
  expect(await screen.findByText('3/3 healthy')).toBeVisible();
  await user.click(await screen.findByRole('button', { name: 'Delete nginx' }));
  await user.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Delete' }));
  expect(await screen.findByText('2/2 healthy')).toBeVisible();
});

describe('windows', () => {
  test('the focus goes to a button that is there after the last window was deleted', async () => {
    let left = true;
    server.use(
      http.get('*/api/v1/maintenance-windows', () =>
        left ? undefined : HttpResponse.json({ windows: [], next_cursor: null }),
      ),
      http.delete('*/api/v1/maintenance-windows/:id', () => {
        left = false;
        return new HttpResponse(null, { status: 204 });
      }),
    );
    renderApp(<WindowsPage />);
    await user.click(await screen.findByRole('button', { name: 'Delete Weekend nights' }));
    await user.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Delete' }));
    expect(await screen.findByText('No maintenance windows')).toBeVisible();
    await waitFor(() => expect(screen.getByRole('button', { name: 'Add window' })).toHaveFocus());
  });

  test('are told in words, with their zone', async () => {
    renderApp(<WindowsPage />);
    expect(
      await screen.findByText('Weekly on Saturday, Sunday at 02:00 Europe/Berlin, for 3 h'),
    ).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Edit Weekend nights' }));
    const dialog = screen.getByRole('dialog', { name: /Edit maintenance window “Weekend nights”/ });
    expect(within(dialog).getByRole('button', { name: 'Saturday' })).toHaveAttribute('aria-pressed', 'true');
  });

  test('a form sends what belongs to its recurrence only', () => {
    const form = { ...formOf(null), name: ' Night ', zone: 'Europe/Berlin', minutes: '90' };
    expect(bodyOf(form, ['h'])).toEqual({
      name: 'Night',
      host_ids: ['h'],
      recurrence: 'weekly',
      weekdays: ['sun'],
      time_zone: 'Europe/Berlin',
      start_time: '02:00',
      duration_minutes: 90,
      enabled: true,
    });
    expect(bodyOf({ ...form, recurrence: 'monthly', day: '31' }, ['h'])).toHaveProperty('day_of_month', 31);
    const counted = { ...form, recurrence: 'monthly', nth: 2, offsetDays: '2' } as const;
    expect(bodyOf(counted, ['h'])).toHaveProperty('nth_weekday', { nth: 2, weekday: 'tue', offset_days: 2 });
    expect(bodyOf(counted, ['h'])).not.toHaveProperty('day_of_month');
    expect(faultsOf({ ...counted, offsetDays: '40', day: '99' }, 1)).toEqual({
      nth_weekday: 'Give -31 to 31 days.',
    });
    const once = bodyOf({ ...form, recurrence: 'once', starts: '2026-12-01T10:00' }, ['h']);
    expect(once).toHaveProperty('starts_at', new Date('2026-12-01T10:00').toISOString());
    expect(once).toHaveProperty('time_zone', 'Europe/Berlin');
    expect(once).not.toHaveProperty('start_time');
    expect(Object.keys(faultsOf({ ...form, name: '', minutes: '0', weekdays: [] }, 0))).toEqual([
      'name',
      'host_ids',
      'duration_minutes',
      'weekdays',
    ]);
  });
});
