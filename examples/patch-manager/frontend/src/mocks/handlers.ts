import { delay, http, HttpResponse, type HttpHandler } from 'msw';
import type { Host, Settings } from '../app/api/types';
import {
  at,
  FAILING,
  HOST_ID,
  id,
  JOB_ID,
  makeCheck,
  makeGate,
  makeHistory,
  makeHost,
  makeHttpCheck,
  makeJob,
  makeJobHost,
  makePreview,
  makeResult,
} from './fixtures';

/** A problem body as the server makes it. */
export function problem(
  status: number,
  code: string,
  detail: string,
  errors: { field: string; code: string; message: string }[] = [],
) {
  return HttpResponse.json(
    { type: 'about:blank', title: 'Problem', status, code, detail, errors, error: { code, message: detail } },
    { status, headers: { 'Content-Type': 'application/problem+json' } },
  );
}

const health: Host['health'][] = [
  { status: 'healthy', healthy: 3, unhealthy: 0, unknown: 0, total: 3, oldest_checked_at: at(-90) },
  { status: 'unhealthy', healthy: 2, unhealthy: 1, unknown: 0, total: 3, oldest_checked_at: at(-40) },
  { status: 'unknown', healthy: 1, unhealthy: 0, unknown: 1, total: 2, oldest_checked_at: at(-1_400) },
  { status: 'none', healthy: 0, unhealthy: 0, unknown: 0, total: 0, oldest_checked_at: null },
];

const hosts: Host[] = Array.from({ length: 64 }, (_, index) =>
  makeHost({
    id: id(index + 1),
    name: `${['web', 'db', 'cache', 'mail'][index % 4]}-${String(index + 1).padStart(2, '0')}`,
    address: `10.0.4.${index + 11}`,
    groups: [['web', 'db', 'cache', 'mail'][index % 4] ?? 'web'],
    health:
      health[index % 7 === 1 ? 1 : index % 11 === 2 ? 2 : index % 13 === 3 ? 3 : 0] ?? makeHost().health,
    failing:
      index % 7 === 1
        ? [{ check_id: id(0x103), name: 'postgresql', reason: 'service_unhealthy' as const }]
        : [],
    ...(index === 5 && { paused: { reason: 'disk is being replaced', by: 'ada', at: at(-4_000) } }),
  }),
);

/** What is configured. */
export const SETTINGS: Settings = {
  health_check_poll_interval_secs: 300,
  health_check_timeout_secs: 10,
  health_check_retention_days: 4,
  gate_retry_interval_secs: 300,
  immediate_max_wait_secs: 3_600,
};

let checks = [
  makeCheck(),
  makeHttpCheck(),
  makeCheck({
    id: id(0x103),
    name: 'postgresql',
    service_name: 'postgresql.service',
    status: 'unhealthy',
    since: at(-1_260),
    last_result: makeResult({
      healthy: false,
      reason: 'service_unhealthy',
      detail: 'failed/failed, enabled',
      latency_ms: 31,
    }),
  }),
  makeCheck({ id: id(0x104), name: 'backup agent', service_name: 'backup.service', enabled: false }),
];

/** A small world of its own, for `npm run dev:mocks` and as the ground of the tests. */
export const handlers: HttpHandler[] = [
  http.get('*/api/v1/me', () => HttpResponse.json({ name: 'ada', role: 'admin', groups: [] })),
  http.get('*/api/v1/settings', () => HttpResponse.json(SETTINGS)),
  http.get('*/api/v1/freezes', () => HttpResponse.json({ freezes: [] })),
  http.get('*/api/v1/groups', () => HttpResponse.json({ groups: [] })),
  http.get('*/api/v1/demo/users', () =>
    HttpResponse.json({
      users: [
        { name: 'ada', role: 'admin', token: 'token-ada' },
        { name: 'oskar', role: 'operator', token: 'token-oskar' },
        { name: 'rita', role: 'reporter', token: 'token-rita' },
      ],
    }),
  ),
  http.get('*/api/v1/demo/fleet', () => HttpResponse.json({ hosts: [] })),
  http.get('*/api/v1/events', async ({ request }) => {
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(': hello\n\n'));
        request.signal.addEventListener('abort', () => controller.error(new Error('gone')));
      },
    });
    return Promise.resolve(new HttpResponse(stream, { headers: { 'Content-Type': 'text/event-stream' } }));
  }),
  http.get('*/api/v1/hosts', ({ request }) => {
    const { searchParams } = new URL(request.url);
    const q = searchParams.get('q') ?? '';
    const status = searchParams.get('status');
    const group = searchParams.get('group');
    const reason = searchParams.get('reason');
    const start = Number(searchParams.get('cursor') ?? 0);
    const limit = Number(searchParams.get('limit') ?? 50);
    const ids = searchParams.get('ids')?.split(',');
    const found = hosts.filter(
      (host) =>
        (ids === undefined || ids.includes(host.id)) &&
        host.name.includes(q) &&
        (status === null || host.health.status === status) &&
        (group === null || host.groups.includes(group)) &&
        (reason === null || host.failing.some((check) => check.reason === reason)),
    );
    const next = start + limit;
    return HttpResponse.json({
      hosts: found.slice(start, next),
      next_cursor: next < found.length ? String(next) : null,
    });
  }),
  http.get('*/api/v1/host-totals', ({ request }) => {
    const { searchParams } = new URL(request.url);
    const group = searchParams.get('group');
    const found = hosts.filter((host) => group === null || host.groups.includes(group));
    const number = (wanted: (host: Host) => boolean) => found.filter(wanted).length;
    return HttpResponse.json({
      total: found.length,
      statuses: Object.fromEntries(
        ['healthy', 'unhealthy', 'unknown', 'none'].map((status) => [
          status,
          number((host) => host.health.status === status),
        ]),
      ),
      reasons: [{ reason: 'service_unhealthy', hosts: number((host) => host.failing.length > 0) }],
      groups: ['cache', 'db', 'mail', 'web'].map((name) => ({
        group: name,
        hosts: hosts.filter((host) => host.groups.includes(name)).length,
      })),
    });
  }),
  http.get('*/api/v1/hosts/:id/jobs', () => HttpResponse.json({ jobs: [] })),
  http.get('*/api/v1/hosts/:id', ({ params }) => {
    const host = hosts.find((each) => each.id === params.id);
    return host === undefined ? problem(404, 'not_found', 'There is no such host.') : HttpResponse.json(host);
  }),
  http.get('*/api/v1/hosts/:id/health-checks', () => HttpResponse.json({ checks, total: checks.length })),
  http.post('*/api/v1/hosts/:id/health-checks', async ({ request }) => {
    const body = (await request.json()) as object;
    const made = makeCheck({ ...body, id: id(0x200 + checks.length), last_result: null, status: 'unknown' });
    checks = [...checks, made];
    return HttpResponse.json(made, { status: 201 });
  }),
  http.post('*/api/v1/hosts/:id/health-checks/test', async () => {
    await delay(700);
    return HttpResponse.json(makeResult());
  }),
  http.put('*/api/v1/hosts/:id/health-checks/:check', async ({ params, request }) => {
    const body = (await request.json()) as object;
    checks = checks.map((check) =>
      check.id === params.check ? { ...check, ...body, revision: check.revision + 1 } : check,
    );
    return HttpResponse.json(checks.find((check) => check.id === params.check));
  }),
  http.delete('*/api/v1/hosts/:id/health-checks/:check', ({ params }) => {
    checks = checks.filter((check) => check.id !== params.check);
    return new HttpResponse(null, { status: 204 });
  }),
  http.post('*/api/v1/hosts/:id/health-checks/:check/test', async () => {
    await delay(1_200);
    return HttpResponse.json(makeResult());
  }),
  http.get('*/api/v1/hosts/:id/health-checks/:check/results', ({ params, request }) => {
    const start = Number(new URL(request.url).searchParams.get('cursor') ?? 0);
    const all = makeHistory(params.check === id(0x102) ? 9 : 0);
    const next = start + 200;
    return HttpResponse.json({
      results: all.slice(start, next),
      next_cursor: next < all.length ? String(next) : null,
    });
  }),
  http.post('*/api/v1/gates/preview', async ({ request }) => {
    const { host_ids } = (await request.json()) as { host_ids: string[] };
    return HttpResponse.json({
      hosts: host_ids.map((host_id) => {
        const status = hosts.find((host) => host.id === host_id)?.health.status;
        if (status === 'none') return makePreview({ host_id, kind: 'no_checks' });
        if (status === 'healthy') return makePreview({ host_id });
        return makePreview({ host_id, decision: 'wait', kind: null, blocking: [{ ...FAILING }] });
      }),
    });
  }),
  http.get('*/api/v1/jobs', () => {
    const listed = { ...makeJob(), hosts: undefined };
    return HttpResponse.json({
      jobs: [
        listed,
        { ...listed, id: id(0xa02), status: 'succeeded', counts: { succeeded: 12 }, host_count: 12 },
        { ...listed, id: id(0xa03), status: 'failed', counts: { failed: 1, succeeded: 3 }, host_count: 4 },
      ],
      next_cursor: null,
    });
  }),
  http.post('*/api/v1/jobs', () => HttpResponse.json(makeJob(), { status: 201 })),
  http.get('*/api/v1/jobs/:id', () =>
    HttpResponse.json(
      makeJob({
        host_count: 2,
        counts: { waiting_health_check: 1, succeeded: 1 },
        hosts: [makeJobHost(), makeJobHost({ host_id: id(2), host_name: 'db-02', status: 'succeeded' })],
      }),
    ),
  ),
  http.get('*/api/v1/jobs/:id/explain', () => HttpResponse.json({ groups: [], total: 0 })),
  http.get('*/api/v1/jobs/:id/hosts/:host', ({ params }) =>
    HttpResponse.json(makeJobHost({ host_id: String(params.host) })),
  ),
  http.get('*/api/v1/jobs/:id/gates', () =>
    HttpResponse.json({
      gates: [makeGate(), makeGate({ host_id: id(2), state: 'spent', kind: 'healthy', ended_at: at(-600) })],
      next_cursor: null,
    }),
  ),
  http.post('*/api/v1/jobs/:id/hosts/:host/override', async ({ request }) =>
    HttpResponse.json(
      { ...((await request.json()) as object), actor: 'ada', created_at: at(0) },
      { status: 201 },
    ),
  ),
  http.get('*/api/v1/maintenance-windows', () =>
    HttpResponse.json({
      windows: [
        {
          id: id(0xc01),
          name: 'Weekend nights',
          host_ids: [HOST_ID, id(2)],
          recurrence: 'weekly',
          weekdays: ['sat', 'sun'],
          day_of_month: null,
          nth_weekday: null,
          time_zone: 'Europe/Berlin',
          utc_offsets: [{ from: at(200_000), seconds: 3_600, abbreviation: 'CET' }],
          start_time: '02:00',
          starts_at: null,
          first_date: '2026-11-01',
          duration_minutes: 180,
          enabled: true,
          occurrence: { opens_at: at(200_000), closes_at: at(210_800) },
          created_at: at(-90_000),
          updated_at: at(-90_000),
          revision: 1,
        },
      ],
      next_cursor: null,
    }),
  ),
  http.get('*/api/v1/health-checks/audit', () =>
    HttpResponse.json({
      records: [
        {
          id: id(0xd01),
          at: at(-300),
          actor: 'ada',
          role: 'admin',
          action: 'health_check_updated',
          outcome: 'allowed',
          host_id: HOST_ID,
          check_id: id(0x101),
          job_id: JOB_ID,
          changes: [{ field: 'basic_auth_pass', before: null, after: 'changed' }],
          reason: null,
          request_id: 'r-1',
        },
      ],
      next_cursor: null,
    }),
  ),
];
