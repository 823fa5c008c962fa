import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse } from 'msw';
import { useLocation } from 'react-router';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { signIn } from '../app/session';
import type { AuditRecord } from '../health';
import { at, HOST_ID, id } from '../mocks/fixtures';
import { renderApp } from '../test/render';
import { server } from '../test/server';
import { filterOf, parametersOf, viewOf } from './audit/filter';
import AuditPage from './AuditPage';

const user = userEvent.setup({ delay: null, pointerEventsCheck: 0 });

beforeEach(() => signIn('token-ada'));

function record(number: number, part: Partial<AuditRecord> = {}): AuditRecord {
  return {
    id: id(0xd00 + number),
    at: at(-number),
    actor: `user ${number}`,
    role: 'admin',
    action: 'host_paused',
    outcome: 'allowed',
    host_id: HOST_ID,
    check_id: null,
    job_id: null,
    changes: [],
    reason: null,
    request_id: null,
    ...part,
  };
}

function Where() {
  return <output data-testid="where">{useLocation().search}</output>;
}

const page = (
  <>
    <AuditPage />
    <Where />
  </>
);

/** Serves this first page, and keeps what was asked for. The page after it is the last and has one record. */
function serve(first: () => AuditRecord[], next: string | null = null) {
  const asked: URLSearchParams[] = [];
  server.use(
    http.get('*/api/v1/health-checks/audit', ({ request }) => {
      const parameters = new URL(request.url).searchParams;
      asked.push(parameters);
      return HttpResponse.json(
        parameters.has('cursor')
          ? { records: [record(0)], next_cursor: null }
          : { records: first(), next_cursor: next },
      );
    }),
  );
  return asked;
}

describe('the address of the audit page', () => {
  test('holds every filter, and what it cannot mean is left out', () => {
    const address = `who=ada&action=job_created%2Chost_paused&host=${HOST_ID}&outcome=refused&time=24h`;
    const view = viewOf(new URLSearchParams(address));
    expect(parametersOf(view).toString()).toBe(address);
    const now = Date.parse('2026-03-02T12:00:00Z');
    expect(filterOf(view, now)).toEqual({
      hostId: HOST_ID,
      actor: 'ada',
      actions: ['job_created', 'host_paused'],
      outcome: 'refused',
      from: '2026-03-01T12:00:00.000Z',
      until: undefined,
    });
    const odd = viewOf(new URLSearchParams('action=nothing&outcome=perhaps&time=toString&from=x'));
    expect(parametersOf(odd).toString()).toBe('');
  });

  test('keeps two instants only while they count', () => {
    const between = new URLSearchParams(
      'time=custom&from=2026-03-01T00:00:00.000Z&until=2026-03-02T00:00:00.000Z',
    );
    const view = viewOf(between);
    expect(filterOf(view, 0)).toMatchObject({
      from: '2026-03-01T00:00:00.000Z',
      until: '2026-03-02T00:00:00.000Z',
    });
    expect(parametersOf({ ...view, span: '7d' }).toString()).toBe('time=7d');
  });
});

describe('the audit page', () => {
  test('asks the server for what its address says, and is cleared by one button', async () => {
    const asked = serve(() => [record(1)]);
    renderApp(page, { route: `/audit?who=ada&action=host_paused&outcome=allowed&host=${HOST_ID}` });
    await screen.findByText('by user 1');
    expect(Object.fromEntries(asked[0] ?? [])).toMatchObject({
      actor: 'ada',
      action: 'host_paused',
      outcome: 'allowed',
      host_ids: HOST_ID,
    });
    await user.click(screen.getByRole('button', { name: 'Clear filters' }));
    await waitFor(() => expect([...(asked.at(-1)?.keys() ?? [])]).toEqual(['limit']));
    expect(screen.getByTestId('where')).toHaveTextContent('');
    expect(screen.getByRole('searchbox', { name: 'User’s name' })).toHaveValue('');
  });

  test('a filter that is set stands in the address', async () => {
    const asked = serve(() => [record(1)]);
    renderApp(page, { route: '/audit' });
    await screen.findByText('by user 1');
    await user.click(screen.getByRole('combobox', { name: 'Outcome' }));
    await user.click(screen.getByRole('option', { name: 'Refused' }));
    await user.type(screen.getByRole('searchbox', { name: 'User’s name' }), 'otto');
    await waitFor(() => expect(screen.getByTestId('where')).toHaveTextContent('?who=otto&outcome=refused'));
    await waitFor(() => expect(asked.at(-1)?.get('actor')).toBe('otto'));
    expect(asked.at(-1)?.get('outcome')).toBe('refused');
  });

  test('new records appear while the first page is shown, and not further down', async () => {
    vi.useFakeTimers({
      shouldAdvanceTime: true,
      toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'],
    });
    try {
      let count = 1;
      const asked = serve(() => Array.from({ length: count }, (_, index) => record(count - index)), 'next');
      renderApp(page, { route: '/audit' });
      await screen.findByText('by user 1');
      count = 2;
      await vi.advanceTimersByTimeAsync(6_000);
      await screen.findByText('by user 2');
      await user.click(screen.getByRole('button', { name: 'Show older' }));
      await screen.findByText('by user 0');
      expect(asked.at(-1)?.get('cursor')).toBe('next');
      const before = asked.length;
      await vi.advanceTimersByTimeAsync(20_000);
      expect(asked).toHaveLength(before);
    } finally {
      vi.useRealTimers();
    }
  });

  test('exports what is filtered as a file', async () => {
    serve(() => [record(1)]);
    let asked = new URLSearchParams();
    server.use(
      http.get('*/api/v1/health-checks/audit/export', ({ request }) => {
        asked = new URL(request.url).searchParams;
        return new HttpResponse('id,at\r\n', { headers: { 'Content-Type': 'text/csv' } });
      }),
    );
    const made: Blob[] = [];
    URL.createObjectURL = (file) => {
      made.push(file as Blob);
      return 'blob:x';
    };
    URL.revokeObjectURL = () => undefined;
    const saved: string[] = [];
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockImplementation(function click(
      this: HTMLAnchorElement,
    ) {
      saved.push(this.download);
    });
    renderApp(page, { route: '/audit?who=ada' });
    await screen.findByText('by user 1');
    await user.click(screen.getByRole('button', { name: 'Export CSV' }));
    await waitFor(() => expect(saved).toEqual(['audit.csv']));
    expect(Object.fromEntries(asked)).toEqual({ format: 'csv', actor: 'ada' });
    expect(await made[0]?.text()).toBe('id,at\r\n');
  });

  test('says that no record matches, and not that there is none', async () => {
    serve(() => []);
    renderApp(page, { route: '/audit?outcome=refused' });
    expect(await screen.findByText('No record matches')).toBeVisible();
    expect(within(screen.getByRole('region', { name: 'Filters' })).getByText('Refused')).toBeVisible();
  });
});
