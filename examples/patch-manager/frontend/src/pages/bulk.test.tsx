import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse } from 'msw';
import { Route, Routes, useLocation } from 'react-router';
import { beforeEach, describe, expect, test } from 'vitest';
import { signIn } from '../app/session';
import { FAILING, id, JOB_ID, makeGate, makeJob, makeJobHost } from '../mocks/fixtures';
import { renderApp } from '../test/render';
import { server } from '../test/server';
import { idsOf } from './deploy/selection';
import HostDetailPage from './HostDetailPage';
import HostsPage from './HostsPage';
import JobDetailPage from './JobDetailPage';
import { WindowDialog } from './windows/WindowDialog';

const user = userEvent.setup({ delay: null, pointerEventsCheck: 0 });

beforeEach(() => signIn('token-ada'));

function Where() {
  const { pathname, search, hash } = useLocation();
  return <output data-testid="where">{pathname + search + hash}</output>;
}

/** 500 hosts: the first 450 wait for a check, the others have failed. */
const hosts = Array.from({ length: 500 }, (_, index) => {
  const named = { host_id: id(index + 1), host_name: `host-${String(index).padStart(3, '0')}` };
  return index < 450
    ? makeJobHost({ ...named, gate: makeGate({ host_id: named.host_id, evidence: [FAILING] }) })
    : makeJobHost({ ...named, status: 'failed', gate: null, detail: 'the window closed' });
});

describe('many hosts of a job', () => {
  const page = (
    <Routes>
      <Route path="/jobs/:jobId" element={<JobDetailPage />} />
      <Route path="*" element={<Where />} />
    </Routes>
  );

  function serve() {
    const asked: { host_ids: string[]; reason?: string }[] = [];
    server.use(
      http.get('*/api/v1/jobs/:id', () => HttpResponse.json(makeJob({ host_count: hosts.length, hosts }))),
      http.post('*/api/v1/jobs/:id/override-hosts', async ({ request }) => {
        const body = (await request.json()) as { host_ids: string[]; reason: string };
        asked.push(body);
        const refused = (host: string) => host === id(7);
        return HttpResponse.json({
          hosts: body.host_ids.map((host_id) => ({
            host_id,
            done: !refused(host_id),
            code: refused(host_id) ? 'invalid_state' : null,
            detail: refused(host_id) ? 'no check of it fails' : '1 check overridden',
          })),
          done: body.host_ids.filter((host) => !refused(host)).length,
          refused: body.host_ids.filter(refused).length,
        });
      }),
    );
    return asked;
  }

  test('all that match are overridden with one reason, and the answer says which were not', async () => {
    const asked = serve();
    renderApp(page, { route: `/jobs/${JOB_ID}?cause=service` });
    const bar = within(await screen.findByRole('group', { name: 'Chosen hosts' }));
    expect(bar.getByRole('button', { name: 'Override…' })).toBeDisabled();
    await user.click(bar.getByRole('button', { name: 'Choose all 450 that match' }));
    expect(bar.getByText('450 chosen')).toBeVisible();
    await user.click(bar.getByRole('button', { name: 'Override (450)…' }));
    const dialog = within(screen.getByRole('dialog', { name: 'Override the failing checks of 450 hosts?' }));
    await user.type(dialog.getByLabelText(/Reason/), 'short');
    await user.click(dialog.getByRole('button', { name: 'Override and continue' }));
    expect(dialog.getByText('Give a reason of at least 10 characters.')).toBeVisible();
    expect(asked).toHaveLength(0);
    await user.type(dialog.getByLabelText(/Reason/), ' but now long enough');
    await user.click(dialog.getByRole('button', { name: 'Override and continue' }));
    expect(await dialog.findByText('449 overridden, 1 refused')).toBeVisible();
    expect(dialog.getByText('1 refused: no check of it fails (host-006)')).toBeVisible();
    expect(asked.map((body) => body.host_ids.length)).toEqual([200, 200, 50]);
    expect(new Set(asked.flatMap((body) => body.host_ids)).size).toBe(450);
    expect(asked[0]?.reason).toBe('short but now long enough');
  });

  test('one host is chosen by its box, and its row is not opened by that', async () => {
    serve();
    renderApp(page, { route: `/jobs/${JOB_ID}?state=failed` });
    await user.click(await screen.findByRole('checkbox', { name: 'Choose host-450' }));
    expect(document.querySelector('[data-host]')).toBeNull();
    expect(screen.getByText('1 chosen')).toBeVisible();
    expect(screen.getByRole('button', { name: 'Cancel hosts…' })).toBeDisabled();
    await user.click(screen.getByRole('link', { name: 'Try again (1)…' }));
    const [path, fragment] = (screen.getByTestId('where').textContent ?? '').split('#');
    expect(path).toBe(`/deploy?again=${JOB_ID}`);
    expect(idsOf(`#${fragment}`)).toEqual([id(451)]);
  });

  test('who may only read chooses nothing', async () => {
    serve();
    server.use(
      http.get('*/api/v1/me', () => HttpResponse.json({ name: 'rita', role: 'reporter', groups: [] })),
    );
    renderApp(page, { route: `/jobs/${JOB_ID}` });
    await screen.findByRole('region', { name: 'Progress' });
    expect(screen.queryByRole('group', { name: 'Chosen hosts' })).toBeNull();
    expect(screen.queryByRole('checkbox')).toBeNull();
  });
});

describe('the list of hosts', () => {
  const page = (
    <Routes>
      <Route
        path="/hosts"
        element={
          <>
            <HostsPage />
            <Where />
          </>
        }
      />
      <Route path="*" element={<Where />} />
    </Routes>
  );

  test('says what fails, and is filtered by reason and group with the number of hosts each leaves', async () => {
    renderApp(page, { route: '/hosts' });
    expect((await screen.findAllByText('postgresql: Service is not running')).length).toBeGreaterThan(3);
    expect(await screen.findByRole('button', { name: /^Unhealthy \(\d+\)$/ })).toBeVisible();
    await user.click(screen.getByRole('combobox', { name: 'Group' }));
    await user.click(await screen.findByRole('option', { name: 'db (16)' }));
    await user.click(screen.getByRole('combobox', { name: 'Reason' }));
    await user.click(await screen.findByRole('option', { name: /^Service is not running \(\d+\)$/ }));
    expect(screen.getByTestId('where')).toHaveTextContent('/hosts?group=db&reason=service_unhealthy');
    await waitFor(() => expect(screen.queryByRole('link', { name: /^web-/ })).toBeNull());
    expect(screen.getAllByRole('link', { name: /^db-/ }).length).toBeGreaterThan(0);
  });

  test('Escape asks before a reason is lost, and closes what is empty or done', async () => {
    server.use(
      http.post('*/api/v1/pauses', async ({ request }) => {
        const { host_ids } = (await request.json()) as { host_ids: string[] };
        const hosts = host_ids.map((host_id) => ({ host_id, done: true, code: null, detail: 'paused' }));
        return HttpResponse.json({ hosts, done: hosts.length, refused: 0 });
      }),
    );
    renderApp(page, { route: '/hosts?group=db' });
    await user.click(await screen.findByRole('button', { name: 'Choose all 16 that match' }));
    const open = async () => {
      await user.click(await screen.findByRole('button', { name: 'Pause…' }));
      return screen.getByRole('dialog', { name: 'Pause 16 hosts?' });
    };
    const empty = await open();
    await user.keyboard('{Escape}');
    await waitFor(() => expect(empty).not.toBeInTheDocument());
    const filled = await open();
    await user.type(within(filled).getByLabelText(/Reason/), 'a disk is replaced');
    await user.keyboard('{Escape}');
    await user.click(await screen.findByRole('button', { name: 'Keep editing' }));
    expect(within(filled).getByLabelText(/Reason/)).toHaveValue('a disk is replaced');
    await waitFor(() => expect(screen.queryByText('Discard your changes?')).toBeNull());
    await user.click(within(filled).getByRole('button', { name: 'Pause' }));
    await within(filled).findByText('16 paused');
    expect(within(filled).getByRole('button', { name: 'Close' })).toHaveFocus();
    await user.keyboard('{Escape}');
    await waitFor(() => expect(filled).not.toBeInTheDocument());
  });

  test('all that match are chosen, tested by a dry run, and its job is shown', async () => {
    let asked: { host_ids: string[]; dry_run: boolean; immediate: boolean } | undefined;
    server.use(
      http.post('*/api/v1/jobs', async ({ request }) => {
        asked = (await request.json()) as typeof asked;
        return HttpResponse.json(makeJob(), { status: 201 });
      }),
    );
    renderApp(page, { route: '/hosts?group=db' });
    await user.click(await screen.findByRole('button', { name: 'Choose all 16 that match' }));
    await screen.findByText('16 chosen');
    await user.click(screen.getByRole('button', { name: 'Test all checks…' }));
    const dialog = within(screen.getByRole('dialog', { name: 'Test all checks of 16 hosts?' }));
    await user.click(dialog.getByRole('button', { name: 'Test' }));
    await waitFor(() => expect(screen.getByTestId('where')).toHaveTextContent(`/jobs/${JOB_ID}`));
    expect(asked).toMatchObject({ dry_run: true, immediate: true });
    expect(asked?.host_ids).toHaveLength(16);
  });
});

test('a window is given to all hosts of a group, and to no more than it may have', async () => {
  renderApp(<WindowDialog open window={null} onClose={() => undefined} />);
  const dialog = within(await screen.findByRole('dialog'));
  await user.click(dialog.getByRole('combobox', { name: 'Group' }));
  await user.click(await screen.findByRole('option', { name: 'web (16)' }));
  await user.click(await dialog.findByRole('button', { name: 'Add all 16 that match' }));
  expect(await dialog.findByText('Hosts (16)')).toBeVisible();
  expect(dialog.getByText('and 4 more')).toBeVisible();
  await user.click(dialog.getByRole('button', { name: 'Remove all' }));
  expect(dialog.getByText('Hosts (0)')).toBeVisible();
});

test('checks are copied to a group, and what became of each copy is said', async () => {
  let asked: { check_ids: string[]; host_ids: string[] } | undefined;
  server.use(
    http.get('*/api/v1/hosts/:id/jobs', () =>
      HttpResponse.json({
        jobs: [
          {
            id: JOB_ID,
            name: 'Kernel',
            kind: 'patch',
            status: 'waiting_health_check',
            detail: 'waiting for healthy checks',
            created_by: 'ada',
            created_at: new Date().toISOString(),
            opens_at: new Date().toISOString(),
            closes_at: new Date().toISOString(),
          },
        ],
      }),
    ),
    http.post('*/api/v1/hosts/:id/health-checks/copy', async ({ request }) => {
      asked = (await request.json()) as typeof asked;
      const results = (asked?.host_ids ?? []).map((host_id, index) => ({
        host_id,
        check_id: asked?.check_ids[0],
        outcome: index === 0 ? 'refused' : index === 1 ? 'present' : 'created',
        copy_id: null,
        code: index === 0 ? 'limit_reached' : null,
        detail: index === 0 ? 'a host may have at most 5 checks' : null,
      }));
      return HttpResponse.json({ results });
    }),
  );
  renderApp(
    <Routes>
      <Route path="/hosts/:hostId" element={<HostDetailPage />} />
    </Routes>,
    { route: `/hosts/${id(1)}` },
  );
  const jobs = within(await screen.findByRole('region', { name: 'Jobs for this host' }));
  expect(jobs.getByRole('link', { name: 'Kernel' })).toHaveAttribute('href', `/jobs/${JOB_ID}?host=${id(1)}`);
  await user.click(screen.getByRole('button', { name: 'Copy checks…' }));
  const dialog = within(screen.getByRole('dialog', { name: 'Copy checks of web-01' }));
  await user.click(dialog.getByRole('button', { name: /^Copy to / }));
  expect(dialog.getByText('Choose at least one check.')).toBeVisible();
  await user.click(dialog.getByRole('checkbox', { name: /^Web shop answers/ }));
  await user.keyboard('{Escape}');
  await user.click(await screen.findByRole('button', { name: 'Keep editing' }));
  await waitFor(() => expect(screen.queryByText('Discard your changes?')).toBeNull());
  expect(dialog.getByRole('checkbox', { name: /^Web shop answers/ })).toBeChecked();
  expect(dialog.getByText(/^Passwords are copied/)).toBeVisible();
  await user.click(dialog.getByRole('combobox', { name: 'Group' }));
  await user.click(await screen.findByRole('option', { name: 'web (16)' }));
  await user.click(await dialog.findByRole('button', { name: 'Add all 16 that match' }));
  // The host itself is one of the group, and is left out.
  await user.click(await dialog.findByRole('button', { name: 'Copy to 15 hosts' }));
  expect(await dialog.findByText('13 copied, 1 there already, 1 refused')).toBeVisible();
  expect(
    dialog.getByText(/^1 refused: a host may have at most 5 checks \(Web shop answers on /),
  ).toBeVisible();
  expect(asked?.check_ids).toEqual([id(0x102)]);
  expect(asked?.host_ids).not.toContain(id(1));
});
