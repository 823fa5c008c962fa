import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse } from 'msw';
import { describe, expect, test, vi } from 'vitest';
import {
  at,
  FAILING,
  HOST_ID,
  id,
  JOB_ID,
  makeCheck,
  makeEvidence,
  makeGate,
  makeHistory,
  makePreview,
  makeResult,
} from '../../mocks/fixtures';
import { problem } from '../../mocks/handlers';
import { renderApp } from '../../test/render';
import { server } from '../../test/server';
import type { HealthCheck } from '../api/types';
import { formatBoth } from '../model/time';
import { DeployHealthWarning } from './DeployHealthWarning';
import { GateStatusPanel } from './GateStatusPanel';
import { HealthChecksSection } from './HealthChecksSection';
import { HealthHistoryStrip } from './HealthHistoryStrip';
import { HealthStatusIcon } from './HealthStatusIcon';
import { HostHealthIndicator } from './HostHealthIndicator';
import { OverrideDialog } from './OverrideDialog';
import { VerificationSummary } from './VerificationSummary';

const user = userEvent.setup({ delay: null, pointerEventsCheck: 0 });

describe('the section of a host', () => {
  function show(checks: HealthCheck[], canEdit = true) {
    server.use(
      http.get('*/api/v1/hosts/:host/health-checks', () =>
        HttpResponse.json({ checks, total: checks.length }),
      ),
    );
    renderApp(<HealthChecksSection hostId={HOST_ID} hostName="web-01" canEdit={canEdit} />);
  }

  test('says that there are none', async () => {
    show([]);
    expect(await screen.findByText('No health checks')).toBeVisible();
    expect(screen.getByRole('button', { name: 'Add health check' })).toBeEnabled();
  });

  test('offers to try again when it cannot be loaded', async () => {
    server.use(
      http.get('*/api/v1/hosts/:host/health-checks', () => problem(503, 'store_unavailable', 'Try later.'), {
        once: true,
      }),
    );
    renderApp(<HealthChecksSection hostId={HOST_ID} hostName="web-01" canEdit />);
    const alert = await screen.findByRole('alert');
    expect(alert).toHaveTextContent('The checks could not be loaded. Try later.');
    await user.click(within(alert).getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('heading', { name: 'nginx' })).toBeVisible();
  });

  test('closes at the limit, and says why', async () => {
    show([1, 2, 3, 4, 5].map((number) => makeCheck({ id: id(number), name: `check ${number}` })));
    expect(await screen.findByText(/5 of 5: the most a host can have/)).toBeVisible();
    const add = screen.getByRole('button', { name: 'Add health check' });
    expect(add).toBeDisabled();
    expect(add).toHaveAccessibleDescription(/Delete one to add another/);
  });

  test('is read-only for those who may not edit', async () => {
    show([makeCheck()], false);
    const row = await screen.findByRole('listitem');
    expect(screen.queryByRole('button', { name: 'Add health check' })).toBeNull();
    expect(within(row).getAllByRole('button')).toHaveLength(1);
    expect(within(row).getByRole('button')).toHaveAccessibleName('Details of nginx');
  });

  test('a disabled check is skipped, and shows no old status', async () => {
    show([makeCheck({ enabled: false })]);
    const row = await screen.findByRole('listitem');
    expect(within(row).getByText('Disabled')).toBeVisible();
    expect(within(row).queryByText('Healthy')).toBeNull();
    expect(row).toHaveTextContent('Skipped: it is not run and holds no patch back.');
  });

  test('a failure says why, whether it was observed, since when, and what to do', async () => {
    const last_result = makeResult({
      healthy: false,
      reason: 'timeout_connect',
      observed: false,
      detail: 'no connection within 10 s',
    });
    show([makeCheck({ status: 'unhealthy', since: at(-1_290), last_result })]);
    const row = await screen.findByRole('listitem');
    expect(row).toHaveTextContent('Timed out connecting (no answer from target): no connection within 10 s');
    expect(row).toHaveTextContent('See whether the host is up');
    expect(row).toHaveTextContent('Unhealthy for 21 min');
  });

  test('an old green result is unknown, and not green', async () => {
    show([makeCheck({ status: 'unknown', last_result: makeResult({ checked_at: at(-4_000) }) })]);
    const row = await screen.findByRole('listitem');
    expect(within(row).getByText('Unknown')).toBeVisible();
    expect(row).toHaveTextContent('The last result is too old');
    expect(row).toHaveTextContent('1 h 6 min ago');
  });

  test('a check that never ran says so', async () => {
    show([makeCheck({ status: 'unknown', last_result: null })]);
    const row = await screen.findByRole('listitem');
    expect(row).toHaveTextContent('never ran');
    expect(row).toHaveTextContent('No result yet');
  });

  test('asks by name before it deletes, and says why it could not', async () => {
    show([makeCheck({ name: 'Shop' })]);
    server.use(
      http.delete('*/health-checks/:check', () => problem(403, 'forbidden', 'You may not do this.')),
    );
    await user.click(await screen.findByRole('button', { name: 'Delete Shop' }));
    const dialog = screen.getByRole('dialog', { name: 'Delete the health check “Shop”?' });
    expect(within(dialog).getByRole('button', { name: 'Cancel' })).toHaveFocus();
    await user.click(within(dialog).getByRole('button', { name: 'Delete' }));
    expect(await within(dialog).findByText('You may not do this.')).toBeVisible();
  });

  test('F132 script from a target stays text', async () => {
    const script = '<img src=x onerror=alert(1)>';
    const last_result = makeResult({ healthy: false, reason: 'service_unhealthy', detail: script });
    show([makeCheck({ name: script, status: 'unhealthy', last_result })]);
    const row = await screen.findByRole('listitem');
    expect(within(row).getByRole('heading', { name: script })).toBeVisible();
    expect(row).toHaveTextContent(`Service is not running: ${script}`);
    expect(row.querySelector('img')).toBeNull();
  });
});

describe('a gate', () => {
  test('that waits names what fails and counts down', async () => {
    const onOverride = vi.fn();
    renderApp(
      <GateStatusPanel
        gate={makeGate()}
        timeZone={{ name: 'Europe/Berlin', offsets: [] }}
        onOverride={onOverride}
      />,
    );
    expect(screen.getByText('Waiting for 1 failing check')).toBeVisible();
    expect(screen.getByText('Service is not running')).toBeVisible();
    expect(screen.getByText(/^2 min [123] s$/)).toBeVisible();
    expect(screen.getByText('Window closes')).toBeVisible();
    expect(screen.getAllByText(/CES?T · .*\d\d:\d\d UTC/)).toHaveLength(2);
    await user.click(screen.getByRole('button', { name: 'Override…' }));
    expect(onOverride).toHaveBeenCalled();
  });

  test('shows its times in its window’s zone and in UTC, whatever zone the browser has', async () => {
    const opens = Date.now() - 3_600_000;
    const opensAt = new Date(opens).toISOString();
    const zone = {
      name: 'Pacific/Chatham',
      offsets: [{ from: opensAt, seconds: 49_500, abbreviation: 'CHADT' }],
    };
    const gate = makeGate({ time_zone: zone.name, utc_offsets: zone.offsets, opens_at: opensAt });
    renderApp(<GateStatusPanel gate={gate} onOverride={() => undefined} />);
    const closes = screen.getByText('Window closes').parentElement;
    expect(closes).toHaveTextContent(formatBoth(gate.closes_at, zone));
    expect(closes).toHaveTextContent(/CHADT · .*\d\d:\d\d UTC$/);
    await user.click(screen.getByRole('button', { name: 'Timeline' }));
    const [newest] = screen.getByRole('list', { name: 'Attempts, newest first' }).children;
    expect(newest).toHaveTextContent(/CHADT · .*\d\d:\d\d:\d\d UTC/);
  });

  test('over whose window the clocks change names both zones', () => {
    const gate = makeGate({
      state: 'failed',
      end_reason: 'window_closed',
      time_zone: 'Europe/Berlin',
      utc_offsets: [
        { from: '2026-10-25T00:30:00.000000Z', seconds: 7_200, abbreviation: 'CEST' },
        { from: '2026-10-25T01:00:00.000000Z', seconds: 3_600, abbreviation: 'CET' },
      ],
      opens_at: '2026-10-25T00:30:00.000000Z',
      closes_at: '2026-10-25T01:30:00.000000Z',
    });
    renderApp(<GateStatusPanel gate={gate} />);
    expect(screen.getByText(/After 3 attempts/)).toHaveTextContent(
      'window Sun 25 Oct, 02:30 CEST – 02:30 CET (Sun 25 Oct, 00:30 – 01:30 UTC).',
    );
  });

  test('offers no override to those who may not, and none for conditions alone', () => {
    const paused = makeEvidence({ check_id: null, name: 'paused', healthy: false, reason: 'host_paused' });
    renderApp(
      <>
        <GateStatusPanel gate={makeGate()} />
        <GateStatusPanel gate={makeGate({ evidence: [paused] })} onOverride={() => undefined} />
      </>,
    );
    expect(screen.queryByRole('button', { name: 'Override…' })).toBeNull();
    expect(screen.getByText('Waiting for 1 condition')).toBeVisible();
    expect(screen.getByText(/a condition of the patch manager/)).toBeVisible();
  });

  test('of a job for now does not speak of a window', () => {
    renderApp(<GateStatusPanel gate={makeGate({ window_kind: 'immediate' })} />);
    expect(screen.getByText('Wait limit')).toBeVisible();
    expect(screen.queryByText(/[Ww]indow/)).toBeNull();
  });

  test('that was overridden says by whom, why and until when', () => {
    const override = {
      check_ids: [FAILING.check_id ?? ''],
      reason: 'mended by this patch',
      expires_at: at(600),
      actor: 'ada',
      created_at: at(-5),
    };
    const gate = makeGate({ state: 'spent', kind: 'overridden', override });
    renderApp(<GateStatusPanel gate={gate} onTakeBack={() => undefined} />);
    expect(screen.getByText('Went ahead: failing checks were overridden')).toBeVisible();
    expect(screen.getByText('Override by ada')).toBeVisible();
    expect(screen.getByText(/“mended by this patch”/)).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Take back' })).toBeNull();
  });

  test('tells its attempts and what came in between, newest first', async () => {
    const notes = [{ at: at(-450), text: 'the window was shortened' }];
    renderApp(<GateStatusPanel gate={makeGate({ notes })} />);
    await user.click(screen.getByRole('button', { name: 'Timeline' }));
    const timeline = screen.getByRole('list', { name: 'Attempts, newest first' });
    const entries = [...timeline.children].map((entry) => entry.textContent);
    expect(entries.map((entry) => entry?.slice(0, 9))).toEqual([
      'Attempt 3',
      'the windo',
      'Attempt 2',
      'Attempt 1',
    ]);
  });
});

describe('the override dialog', () => {
  test('wants a check and a reason, and sends both', async () => {
    const bodies: unknown[] = [];
    server.use(
      http.post(`*/api/v1/jobs/${JOB_ID}/hosts/${HOST_ID}/override`, async ({ request }) => {
        bodies.push(await request.json());
        return HttpResponse.json({}, { status: 201 });
      }),
    );
    const second = { ...FAILING, check_id: id(0x104), name: 'redis' };
    const gate = makeGate({ evidence: [FAILING, second] });
    const onClose = vi.fn();
    renderApp(<OverrideDialog open jobId={JOB_ID} gate={gate} hostName="web-01" onClose={onClose} />);
    await user.click(screen.getByRole('button', { name: 'Override and continue' }));
    expect(screen.getByText('Choose at least one check.')).toBeVisible();
    expect(screen.getByText('Give a reason of at least 10 characters.')).toBeVisible();
    await user.click(screen.getByRole('checkbox', { name: /redis/ }));
    await user.type(screen.getByLabelText(/Reason/), '  mended by this very patch ');
    await user.click(screen.getByRole('button', { name: 'Override and continue' }));
    await waitFor(() => expect(onClose).toHaveBeenCalled());
    expect(bodies).toEqual([
      { check_ids: [second.check_id], reason: 'mended by this very patch', expires_at: gate.closes_at },
    ]);
  });
});

describe('before a job is submitted', () => {
  test('each kind of risk is named with its hosts', () => {
    const previews = [
      makePreview({ host_id: 'a' }),
      makePreview({ host_id: 'b', decision: 'wait', kind: null, blocking: [{ ...FAILING }] }),
      makePreview({ host_id: 'c', kind: 'no_checks', window_too_short: true, closes_at: at(90) }),
    ];
    renderApp(
      <DeployHealthWarning previews={previews} hostName={(host) => `host-${host}`} windowless={['d']} />,
    );
    const region = screen.getByRole('region', { name: 'Preview' });
    expect(region).toHaveTextContent('1 host would wait for its checks to become healthy');
    expect(region).toHaveTextContent('host-b – postgresql: Service is not running');
    expect(region).toHaveTextContent('1 host without a health check');
    expect(region).toHaveTextContent('1 host whose window is too short for a second attempt');
    expect(region).toHaveTextContent('1 host without a maintenance window');
    expect(region).toHaveTextContent('host-d');
    expect(region).toHaveTextContent('1 host with all checks healthy');
  });

  test('a job that only reports cannot be taken for a dry run, nor the other way round', () => {
    const previews = [
      makePreview({ host_id: 'a' }),
      makePreview({ host_id: 'b', decision: 'wait', kind: null, blocking: [{ ...FAILING }] }),
      makePreview({
        host_id: 'c',
        decision: 'wait',
        kind: null,
        blocking: [{ ...FAILING, reason: 'stale' }],
      }),
    ];
    const warning = (mode: object) => (
      <DeployHealthWarning previews={previews} hostName={(host) => `host-${host}`} {...mode} />
    );
    const { unmount } = renderApp(warning({ reportOnly: true }));
    const region = screen.getByRole('region', { name: 'Preview' });
    expect(region).toHaveTextContent('This is not a dry run.');
    expect(region).toHaveTextContent('1 host will be patched although unhealthyhost-b – postgresql');
    expect(region).toHaveTextContent('1 host will be patched although nothing recent is known of its checks');
    expect(region).not.toHaveTextContent('would wait');
    unmount();
    renderApp(warning({ dryRun: true }));
    const dry = screen.getByRole('region', { name: 'Preview' });
    expect(dry).toHaveTextContent('Dry run: nothing will be patched');
    expect(dry).toHaveTextContent('1 host would wait for its checks to become healthy');
    expect(dry).not.toHaveTextContent('will be patched although');
    expect(dry).not.toHaveTextContent('the patch starts');
  });

  test('a long list is cut until somebody asks', async () => {
    const previews = Array.from({ length: 9 }, (_, index) =>
      makePreview({ host_id: String(index), kind: 'no_checks' }),
    );
    renderApp(<DeployHealthWarning previews={previews} hostName={(host) => `host-${host}`} />);
    expect(screen.queryByText('host-8')).toBeNull();
    await user.click(screen.getByRole('button', { name: 'and 3 more' }));
    expect(screen.getByText('host-8')).toBeVisible();
  });
});

test.each(['healthy', 'unhealthy', 'unknown', 'none', 'disabled'] as const)(
  'the status %s has a word and an outline of its own, not a colour alone',
  (status) => {
    const others = (['healthy', 'unhealthy', 'unknown', 'none', 'disabled'] as const).filter(
      (each) => each !== status,
    );
    const outline = (each: typeof status) => {
      const { container, unmount } = renderApp(<HealthStatusIcon status={each} />);
      const found = [
        container.textContent,
        [...container.querySelectorAll('svg *')]
          .map((part) => part.getAttribute('d') ?? part.tagName)
          .join(' '),
      ] as const;
      unmount();
      return found;
    };
    const [word, shape] = outline(status);
    expect(word).toMatch(/\w/);
    for (const other of others) {
      expect(outline(other)[0]).not.toBe(word);
      expect(outline(other)[1]).not.toBe(shape);
    }
    renderApp(<HealthStatusIcon status={status} iconOnly />);
    expect(screen.getByTitle(word ?? '')).toBeInTheDocument();
  },
);

test('the strip says in words what it shows in colours', () => {
  renderApp(<HealthHistoryStrip results={makeHistory()} columns={96} />);
  const strip = screen.getByRole('img', { name: /Last 4 days: \d+ results, 97\.\d % healthy, \d+ failed/ });
  const kinds = new Set([...strip.querySelectorAll('g')].map((group) => group.dataset.kind));
  expect(kinds).toContain('gap');
  expect(kinds).toContain('failed');
  expect(kinds).toContain('healthy');
});

test('a host without checks is not called healthy', () => {
  renderApp(
    <HostHealthIndicator
      health={{ status: 'none', healthy: 0, unhealthy: 0, unknown: 0, total: 0, oldest_checked_at: null }}
    />,
  );
  expect(screen.getByText('No checks')).toBeVisible();
  expect(screen.queryByText(/healthy/)).toBeNull();
});

test('what broke by the patch is said first', () => {
  const before = { check_id: id(0x101), was: makeEvidence(), counted: true, since: at(-1) };
  renderApp(
    <VerificationSummary
      verification={{
        state: 'regressed',
        detail: 'failing since the change: shop (status)',
        started_at: at(-2),
        ended_at: at(0),
        checked_at: at(-1),
        runs: 3,
        settle_secs: 60,
        soak_secs: 0,
        deadline_secs: 900,
        checks: [
          { ...before, name: 'nginx', change: 'same', now: makeEvidence() },
          {
            ...before,
            check_id: id(0x102),
            name: 'shop',
            change: 'broke',
            now: makeEvidence({ healthy: false, reason: 'status', detail: 'status 502' }),
          },
        ],
      }}
    />,
  );
  expect(screen.getByText(/regressed, 1 of 2 not healthy/)).toBeVisible();
  expect(screen.getByText(/was healthy, fails now/)).toHaveTextContent('status 502');
});
