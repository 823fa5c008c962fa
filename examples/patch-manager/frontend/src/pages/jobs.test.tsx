import { act, render, screen, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse } from 'msw';
import { Route, Routes, useLocation } from 'react-router';
import { beforeEach, describe, expect, test } from 'vitest';
import { withEvent } from '../app/api/jobEvents';
import type { Job, JobHost } from '../app/api/types';
import { signIn } from '../app/session';
import type { Evidence } from '../health';
import { at, FAILING, id, JOB_ID, makeEvidence, makeGate, makeJob, makeJobHost } from '../mocks/fixtures';
import { serveEvents } from '../test/events';
import { renderApp } from '../test/render';
import { server } from '../test/server';
import JobDetailPage from './JobDetailPage';
import { JobSummary } from './jobs/JobSummary';
import { mainCause, STATE_WORDS, stateOf, STATES, whyOf } from './jobs/state';
import { useHeldOrder } from './jobs/useHeldOrder';

const user = userEvent.setup({ delay: null, pointerEventsCheck: 0 });

beforeEach(() => signIn('token-ada'));

const OTHER_JOB = id(0xa09);
const silent = (number: number): Evidence =>
  makeEvidence({
    check_id: id(0x300 + number),
    name: `service ${number}`,
    healthy: false,
    observed: false,
    reason: 'timeout_connect',
    detail: 'no connection within 10 s',
  });
const EXPIRED: Evidence = { ...silent(9), reason: 'tls_expired', detail: 'the certificate expired' };

const waiting = (evidence: Evidence[]) => makeJobHost({ gate: makeGate({ evidence }) });
const passed = makeJobHost({
  status: 'waiting_for_slot',
  gate: makeGate({ state: 'passed', kind: 'healthy', next_attempt_at: null, evidence: [makeEvidence()] }),
});
const behind = makeJobHost({ status: 'queued', gate: null, blocked_by: OTHER_JOB, detail: 'held' });

describe('the state of a host', () => {
  test.each([
    [passed, 'slot'],
    [makeJobHost({ status: 'waiting_for_slot' }), 'turn'],
    [makeJobHost({ status: 'waiting_for_window' }), 'window'],
    [waiting([FAILING]), 'checks'],
    [behind, 'blocked'],
    [makeJobHost({ status: 'queued', gate: null }), 'queued'],
    [makeJobHost({ status: 'verifying' }), 'verifying'],
  ] as const)('says what it waits for', (host, state) => {
    expect(stateOf(host)).toBe(state);
  });

  test('only what holds a host back is its cause, and the deeper one of two', () => {
    expect(mainCause(passed)).toBeNull();
    expect(mainCause(behind)).toBe('job');
    expect(mainCause(waiting([FAILING]))).toBe('service');
    expect(mainCause(waiting([FAILING, silent(1)]))).toBe('silent');
    expect(mainCause(waiting([silent(1), EXPIRED]))).toBe('certificate');
    expect(mainCause(waiting([makeEvidence()]))).toBeNull();
  });

  test('several checks that fail for one cause say it once', () => {
    expect(whyOf(waiting([silent(1), silent(2), silent(3)]))).toBe('3 checks: Timed out connecting');
    expect(whyOf(waiting([FAILING, EXPIRED]))).toBe('postgresql: Service is not running · 1 more');
  });

  test.each([
    ['waiting for the rollout: the rollout is halted: 1 host failed', 'The rollout is halted: 1 host failed'],
    ['waiting for the rollout: stage 1 of 2 is full', 'Waiting for the rollout: stage 1 of 2 is full'],
  ])('%j names the rollout once', (detail, words) => {
    expect(whyOf(makeJobHost({ status: 'waiting_for_slot', detail }))).toBe(words);
  });
});

describe('an event of a gate', () => {
  const event = { type: 'gate', job_id: JOB_ID, host_id: id(1), kind: null, next_attempt_at: null } as const;
  const after = (host: JobHost, state: 'waiting' | 'passed' | 'spent' | 'failed') =>
    withEvent(makeJob({ hosts: [host] }), { ...event, state }).hosts?.[0];

  test('is shown before the job is read again', () => {
    expect(after(makeJobHost(), 'passed')).toMatchObject({
      status: 'waiting_for_slot',
      gate: { state: 'passed' },
    });
    expect(after(makeJobHost(), 'spent')?.status).toBe('patching');
    expect(after(makeJobHost(), 'failed')?.status).toBe('failed');
  });

  test('takes back nothing that has been read', () => {
    const ended = makeJobHost({ status: 'succeeded', gate: makeGate({ state: 'spent' }) });
    expect(after(ended, 'spent')?.status).toBe('succeeded');
    expect(after(makeJobHost({ status: 'verifying' }), 'spent')?.status).toBe('verifying');
    expect(after(behind, 'waiting')).toBe(behind);
    const job = makeJob();
    expect(withEvent(job, { ...event, host_id: id(77), state: 'passed' })).toBe(job);
  });
});

describe('an order that is held', () => {
  interface Item {
    id: string;
    rank: number;
  }

  function List({ items, asked }: { items: Item[]; asked: string }) {
    const { rows, outdated, renew } = useHeldOrder(
      items,
      (item) => item.id,
      asked,
      (item) => item.rank > 0,
      (a, b) => a.rank - b.rank,
    );
    return (
      <>
        <output>{rows.map((item) => item.id).join('')}</output>
        {outdated && <button onClick={renew}>renew</button>}
      </>
    );
  }

  const items = (...ranks: number[]) => ranks.map((rank, index) => ({ id: 'abcdef'[index] ?? '', rank }));

  test('moves nothing until it is asked to', async () => {
    const { rerender } = render(<List asked="" items={items(3, 1, 2)} />);
    expect(screen.getByRole('status')).toHaveTextContent('bca');
    expect(screen.queryByRole('button')).toBeNull();
    // One leaves the filter, one would come first, and one is new.
    rerender(<List asked="" items={items(1, 0, 2, 4)} />);
    expect(screen.getByRole('status')).toHaveTextContent('bcad');
    await user.click(screen.getByRole('button'));
    expect(screen.getByRole('status')).toHaveTextContent('acd');
    rerender(<List asked="else" items={items(9, 0, 2, 4)} />);
    expect(screen.getByRole('status')).toHaveTextContent('cda');
    // One that is gone leaves no hole.
    rerender(<List asked="else" items={items(9, 0, 2)} />);
    expect(screen.getByRole('status')).toHaveTextContent('ca');
  });
});

describe('the page of a job over many hosts', () => {
  const page = (
    <Routes>
      <Route
        path="/jobs/:jobId"
        element={
          <>
            <JobDetailPage />
            <Where />
          </>
        }
      />
    </Routes>
  );
  const route = `/jobs/${JOB_ID}`;

  function Where() {
    return <output data-testid="where">{useLocation().search}</output>;
  }

  /** 120 hosts: 3 with dead agents, 2 with an expired certificate, 1 behind another job, the rest has passed. */
  function hostsOf(): JobHost[] {
    return Array.from({ length: 120 }, (_, index) => {
      const named = { host_id: id(index + 1), host_name: `host-${String(index).padStart(3, '0')}` };
      const gate = (evidence: Evidence[]) => makeGate({ host_id: named.host_id, evidence });
      if (index % 40 === 30) return makeJobHost({ ...named, gate: gate([silent(1), silent(2), silent(3)]) });
      if (index === 20 || index === 100) return makeJobHost({ ...named, gate: gate([EXPIRED]) });
      if (index === 119) return { ...behind, ...named };
      return { ...passed, ...named };
    });
  }

  function serve(hosts = hostsOf(), part: Partial<Job> = {}) {
    server.use(
      http.get('*/api/v1/jobs/:id', () =>
        HttpResponse.json(makeJob({ host_count: hosts.length, hosts, ...part })),
      ),
      http.get('*/api/v1/jobs/:id/hosts/:host', ({ params }) =>
        HttpResponse.json(hosts.find((host) => host.host_id === params.host)),
      ),
    );
  }

  test('begins with what blocks it, and each figure shows its hosts', async () => {
    serve();
    renderApp(page, { route });
    const progress = await screen.findByRole('region', { name: 'Progress' });
    expect(within(progress).getByText('0 of 120 hosts done, 6 blocked')).toBeVisible();
    const states = within(within(progress).getByRole('group', { name: 'Filter by state' }));
    expect(states.getAllByRole('button').map((chip) => chip.textContent)).toEqual([
      'Blocked by another job (1)',
      'Waiting for checks (5)',
      'Passed, waiting for a slot (114)',
    ]);
    const causes = within(within(progress).getByRole('group', { name: 'Filter by cause' }));
    expect(causes.getAllByRole('button').map((chip) => chip.textContent)).toEqual([
      'no answer from host (3)',
      'certificate (2)',
      'another job (1)',
    ]);
    // Fifty rows, whatever the number of hosts, and no card.
    expect(document.querySelectorAll('[data-row]')).toHaveLength(50);
    expect(document.querySelector('[data-host]')).toBeNull();
    await user.click(causes.getByRole('button', { name: /^certificate/ }));
    expect([...document.querySelectorAll('[data-row]')].map((row) => row.getAttribute('data-row'))).toEqual([
      'host-020',
      'host-100',
    ]);
    expect(screen.getByTestId('where')).toHaveTextContent('?cause=certificate');
  });

  test('gives each figure of a large job its place from the beginning', () => {
    const status = 'waiting_for_window';
    const hosts = Array.from({ length: 600 }, (_, index) => makeJobHost({ host_id: id(index + 1), status }));
    const shown = (steady: boolean) => {
      const { unmount } = render(
        <JobSummary
          hosts={hosts}
          steady={steady}
          filter={{ state: null, cause: null, q: '' }}
          onFilter={() => undefined}
        />,
      );
      const number = screen.getAllByRole('button').length;
      expect(screen.queryByText('Blocked by: no check') !== null).toBe(steady);
      unmount();
      return number;
    };
    expect(shown(true)).toBeGreaterThanOrEqual(STATES.length);
    expect(shown(false)).toBeLessThan(STATES.length);
  });

  test('names and links the job that holds a host, first in the list', async () => {
    serve();
    renderApp(page, { route });
    const row = (await screen.findByText('host-119')).closest('tr')!;
    expect(row).toBe(document.querySelector('[data-row]'));
    expect(within(row).getByText('Blocked by another job')).toBeVisible();
    expect(within(row).getByRole('link', { name: /^Job / })).toHaveAttribute('href', `/jobs/${OTHER_JOB}`);
  });

  test('opens a row to its card, which stays where a filter leaves it out', async () => {
    serve();
    renderApp(page, { route: `${route}?cause=silent` });
    await user.click(await screen.findByRole('button', { name: 'host-030' }));
    expect(screen.getByTestId('where')).toHaveTextContent(`?cause=silent&host=${id(31)}`);
    const card = document.querySelector<HTMLElement>('[data-host="host-030"]')!;
    expect(within(card).getByText('3 checks have the same fault')).toBeVisible();
    expect(within(card).getAllByText('Timed out connecting')).toHaveLength(1);
    await user.click(screen.getByRole('button', { name: /^certificate/ }));
    expect(document.querySelector('[data-host="host-030"]')).toBe(card);
    await user.click(screen.getByRole('button', { name: 'host-030' }));
    expect(document.querySelector('[data-host]')).toBeNull();
  });

  test('an agent that is silent is said once, where the checks are its own', async () => {
    server.use(
      http.get('*/api/v1/hosts/:id/health-checks', () =>
        HttpResponse.json({
          checks: [1, 2].map((number) => ({
            id: id(0x300 + number),
            check_type: 'service',
            name: `service ${number}`,
          })),
          total: 2,
        }),
      ),
    );
    serve([waiting([silent(1), silent(2)])]);
    renderApp(page, { route });
    expect(await screen.findByText('The agent does not answer')).toBeVisible();
    expect(screen.getByText('Checks: service 1, service 2')).toBeVisible();
    expect(screen.getAllByText('Timed out connecting')).toHaveLength(1);
  });

  test('a check that an override lets fail is marked, and counted apart', async () => {
    const evidence = [FAILING, { ...FAILING, check_id: id(0x104), name: 'cron' }];
    const override = {
      actor: 'ada',
      check_ids: [FAILING.check_id!],
      reason: 'mended by this patch',
      created_at: at(-60),
      expires_at: at(600),
    };
    serve([makeJobHost({ gate: makeGate({ evidence, override }) })]);
    renderApp(page, { route });
    expect(await screen.findByText('Waiting for 1 failing check; 1 overridden')).toBeVisible();
    const line = screen.getByText('postgresql').closest('li')!;
    expect(within(line).getByText('Overridden')).toBeVisible();
    expect(within(screen.getByText('cron').closest('li')!).queryByText('Overridden')).toBeNull();
  });

  test('a patch that failed is said as a fault', async () => {
    const gate = makeGate({ state: 'spent', kind: 'healthy' });
    serve([makeJobHost({ status: 'failed', detail: 'the patch failed: exit status 2', gate })]);
    renderApp(page, { route });
    const fault = (await screen.findByText('The patch failed: exit status 2')).closest('[role="alert"]');
    expect(fault?.className).toMatch(/Error/i);
  });

  test('shows an event at once, and answers many by one read', async () => {
    const events = serveEvents();
    const hosts = hostsOf().slice(0, 40);
    serve(hosts);
    renderApp(page, { route, live: true });
    await events.connected;
    await screen.findByText('Waiting for checks (2)');
    let later = 0;
    let answer: () => void = () => undefined;
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    server.use(
      http.get('*/api/v1/jobs/:id', async () => {
        later += 1;
        await answered;
        const done = hosts.map((host, index) =>
          index === 20 || index === 30 ? { ...host, status: 'succeeded' as const } : host,
        );
        return HttpResponse.json(makeJob({ host_count: done.length, hosts: done }));
      }),
    );
    for (const index of [20, 30]) {
      act(() =>
        events.tell('gate', {
          job_id: JOB_ID,
          host_id: id(index + 1),
          state: 'spent',
          kind: 'healthy',
          next_attempt_at: null,
        }),
      );
    }
    // Nothing has been read since: what is shown came with the events.
    expect(await screen.findByText('Patching (2)')).toBeVisible();
    answer();
    expect(await screen.findByText('Succeeded (2)')).toBeVisible();
    expect(later).toBe(1);
  });
});

test('every state has its own words', () => {
  const words = Object.values(STATE_WORDS).map(({ word }) => word);
  expect(new Set(words).size).toBe(words.length);
});
