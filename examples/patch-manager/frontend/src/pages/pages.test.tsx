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
import { requestOf, timeFault } from './deploy/plan';
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
    expect(readToken()).toBe('abc');
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
    await user.click(screen.getByText('Unhealthy'));
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
    expect(await screen.findByText(/1 host with every check healthy/)).toBeVisible();
    await user.click(screen.getByRole('button', { name: 'Submit…' }));
    await user.click(screen.getByRole('button', { name: 'Submit the job' }));
    await waitFor(() => expect(bodies).toEqual([{ host_ids: [makeHost().id], immediate: true }]));
    expect(await screen.findByText('web-01 has no window')).toBeVisible();
  });

  test('a window of its own has to make sense', () => {
    const now = Date.parse('2026-11-24T12:00:00');
    const plan = { timing: 'explicit' as const, reportOnly: true, opens: '2026-11-24T11:00', closes: '' };
    expect(timeFault(plan, now)).toMatch(/when it closes/);
    expect(timeFault({ ...plan, closes: '2026-11-24T11:00' }, now)).toMatch(/close after it opens/);
    expect(timeFault({ ...plan, closes: '2026-11-24T11:30' }, now)).toMatch(/closed already/);
    expect(timeFault({ ...plan, closes: '2026-12-02T11:00' }, now)).toMatch(/7 days/);
    const fine = { ...plan, closes: '2026-11-24T13:00' };
    expect(timeFault(fine, now)).toBeNull();
    expect(requestOf(fine, ['h'])).toEqual({
      host_ids: ['h'],
      report_only: true,
      window: {
        opens_at: new Date('2026-11-24T11:00').toISOString(),
        closes_at: new Date('2026-11-24T13:00').toISOString(),
      },
    });
  });
});

describe('windows', () => {
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
