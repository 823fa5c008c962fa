import { screen, waitFor } from '@testing-library/react';
import { http, HttpResponse } from 'msw';
import { describe, expect, test } from 'vitest';
import { at, HOST_ID, id, makeCheck, makeHistory, makeResult } from '../../mocks/fixtures';
import { serveEvents } from '../../test/events';
import { renderApp } from '../../test/render';
import { server } from '../../test/server';
import type { HealthCheck, HistoryResult } from '../api/types';
import { HealthChecksSection } from './HealthChecksSection';

function show(check: HealthCheck, live = false): void {
  server.use(
    http.get('*/api/v1/hosts/:host/health-checks', () => HttpResponse.json({ checks: [check], total: 1 })),
  );
  renderApp(<HealthChecksSection hostId={HOST_ID} hostName="web-01" canEdit />, { live });
}

describe('a past', () => {
  /** Results every `step` seconds, newest first, in pages as the server gives them. */
  function past(all: HistoryResult[]) {
    const asked: (string | null)[] = [];
    server.use(
      http.get('*/health-checks/:check/results', ({ request }) => {
        const cursor = new URL(request.url).searchParams.get('cursor');
        asked.push(cursor);
        const start = cursor === null ? 0 : all.findIndex((result) => result.checked_at === cursor) + 1;
        const results = all.slice(start, start + 200);
        const next = start + 200 < all.length ? results.at(-1)?.checked_at : null;
        return HttpResponse.json({ results, next_cursor: next ?? null });
      }),
    );
    return asked;
  }

  test('is loaded to its end, and then asked for what is new alone', async () => {
    const all = makeHistory(0, 120);
    expect(all.length).toBeGreaterThan(2_500);
    const asked = past(all);
    const events = serveEvents();
    show(makeCheck(), true);
    const words = () => screen.getByRole('img', { name: /^Last 4 days/ }).getAttribute('aria-label') ?? '';
    await waitFor(() => expect(words()).toMatch(new RegExp(`: ${all.length} results, .*spans\\.$`)), {
      timeout: 10_000,
    });
    expect(asked).toHaveLength(Math.ceil(all.length / 200));
    asked.length = 0;
    await events.connected;
    all.unshift({ ...makeResult({ checked_at: at(-1), healthy: false, reason: 'status' }), source: 'poll' });
    events.tell('check_status', { host_id: HOST_ID, check_id: id(0x101) });
    await waitFor(() => expect(words()).toContain(`: ${all.length} results, `));
    expect(asked).toEqual([null]);
  });

  test('that is longer than can be kept says where it ends, which is no gap', async () => {
    past(makeHistory(0, 20));
    show(makeCheck());
    const strip = await screen.findByRole(
      'img',
      { name: /: 12000 results, .* Older results are not shown\.$/ },
      { timeout: 15_000 },
    );
    expect(strip.querySelectorAll('g').length).toBeLessThan(48);
    expect(strip.querySelector('g[data-kind="gap"]')).not.toBeNull();
  });
});

test('the events are asked for with the token in a header, and not in the address', async () => {
  const events = serveEvents();
  show(makeCheck(), true);
  const request = await events.connected;
  expect(request.url).toBe('http://localhost:3000/api/v1/events');
  expect(request.headers.get('Authorization')).toBe('Bearer token-ada');
});

test('a row turns red by an event, without anybody asking', async () => {
  const events = serveEvents();
  let check = makeCheck();
  server.use(
    http.get('*/api/v1/hosts/:id/health-checks', () => HttpResponse.json({ checks: [check], total: 1 })),
  );
  renderApp(<HealthChecksSection hostId={HOST_ID} hostName="web-01" canEdit />, { live: true });
  const row = await screen.findByRole('listitem');
  expect(row.querySelector('[data-status="healthy"]')).toHaveTextContent('Healthy');
  check = makeCheck({
    status: 'unhealthy',
    last_result: makeResult({ healthy: false, reason: 'service_unhealthy' }),
  });
  await events.connected;
  events.tell('check_status', { host_id: HOST_ID, check_id: check.id, status: 'unhealthy' });
  await waitFor(() => expect(row.querySelector('[data-status="unhealthy"]')).toHaveTextContent('Unhealthy'));
});
