import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse } from 'msw';
import { expect, test, vi } from 'vitest';
import { HOST_ID, makeCheck, makeHttpCheck, makeResult } from '../../mocks/fixtures';
import { problem } from '../../mocks/handlers';
import { renderApp } from '../../test/render';
import { server } from '../../test/server';
import type { HealthCheck } from '../api/types';
import { HealthCheckDialog } from './HealthCheckDialog';

function open(check: HealthCheck | null) {
  const onClose = vi.fn();
  renderApp(<HealthCheckDialog open hostId={HOST_ID} hostName="web-01" check={check} onClose={onClose} />);
  return { onClose, user: userEvent.setup({ delay: null, pointerEventsCheck: 0 }) };
}

/** Records the body of the next request of this kind, and answers it. */
function record(method: 'post' | 'put', path: string, answer = makeCheck()) {
  const bodies: unknown[] = [];
  server.use(
    http[method](`*/api/v1/hosts/${HOST_ID}/health-checks${path}`, async ({ request }) => {
      bodies.push(await request.json());
      return HttpResponse.json(answer);
    }),
  );
  return bodies;
}

test('shows the fields of the chosen type only', async () => {
  const { user } = open(null);
  expect(screen.getByLabelText(/Service name/)).toBeVisible();
  expect(screen.queryByLabelText(/^URL/)).toBeNull();
  await user.click(screen.getByRole('button', { name: 'HTTP' }));
  expect(screen.getByLabelText(/^URL/)).toBeVisible();
  expect(screen.queryByLabelText(/Service name/)).toBeNull();
});

test('names everything that is wrong at its field, and moves there', async () => {
  const { user } = open(null);
  await user.click(screen.getByRole('button', { name: 'HTTP' }));
  await user.type(screen.getByLabelText(/^URL/), 'ftp://x');
  await user.click(screen.getByRole('button', { name: 'Add check' }));
  expect(screen.getByLabelText(/^Name/)).toHaveAccessibleDescription('Give a name.');
  expect(screen.getByLabelText(/^URL/)).toHaveAccessibleDescription(/must begin with http/);
  expect(screen.getByLabelText(/^Name/)).toHaveFocus();
});

test('creates an http check with its fields alone', async () => {
  const bodies = record('post', '');
  const { user, onClose } = open(null);
  await user.type(screen.getByLabelText(/Service name/), 'left.service');
  await user.click(screen.getByRole('button', { name: 'HTTP' }));
  await user.type(screen.getByLabelText(/^Name/), ' Shop ');
  await user.type(screen.getByLabelText(/^URL/), 'https://shop.example/health');
  await user.click(screen.getByRole('button', { name: 'Add check' }));
  await waitFor(() => expect(onClose).toHaveBeenCalled());
  expect(bodies).toEqual([
    {
      name: 'Shop',
      check_type: 'http',
      enabled: true,
      url: 'https://shop.example/health',
      expected_body: '',
      ignore_cert_errors: true,
    },
  ]);
});

test('an edit sends what has changed, and keeps the password by leaving it out', async () => {
  const bodies = record('put', '/:check');
  const { user, onClose } = open(makeHttpCheck());
  expect(screen.getByLabelText('Basic auth password')).toHaveValue('');
  const name = screen.getByLabelText(/^Name/);
  await user.clear(name);
  await user.type(name, 'Shop');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  await waitFor(() => expect(onClose).toHaveBeenCalled());
  expect(bodies).toEqual([{ name: 'Shop' }]);
});

test('asks for the password again when the origin changes, and says why', async () => {
  const bodies = record('put', '/:check');
  const { user, onClose } = open(makeHttpCheck());
  const url = screen.getByLabelText(/^URL/);
  await user.clear(url);
  await user.type(url, 'https://elsewhere.example/health');
  expect(screen.getByText(/now points to https:\/\/elsewhere.example/)).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(screen.getByLabelText(/password, again/)).toHaveAccessibleDescription(/again, or remove/);
  expect(bodies).toEqual([]);
  await user.type(screen.getByLabelText(/password, again/), 'secret');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  await waitFor(() => expect(onClose).toHaveBeenCalled());
  expect(bodies).toEqual([{ url: 'https://elsewhere.example/health', basic_auth_pass: 'secret' }]);
});

test('a path on the same origin keeps the password without asking', async () => {
  const { user } = open(makeHttpCheck());
  await user.type(screen.getByLabelText(/^URL/), '/deep');
  expect(screen.queryByLabelText(/password, again/)).toBeNull();
});

test('removes the stored password when told to', async () => {
  const bodies = record('put', '/:check');
  const { user, onClose } = open(makeHttpCheck());
  await user.click(screen.getByRole('checkbox', { name: 'Remove the stored password' }));
  await user.click(screen.getByRole('button', { name: 'Save' }));
  await waitFor(() => expect(onClose).toHaveBeenCalled());
  expect(bodies).toEqual([{ basic_auth_pass: null }]);
});

test("shows the server's refusals at the fields", async () => {
  server.use(
    http.put('*/health-checks/:check', () =>
      problem(422, 'invalid', 'The check is not valid.', [
        { field: 'name', code: 'too_long', message: 'give at most 100 characters' },
      ]),
    ),
  );
  const { user, onClose } = open(makeCheck());
  await user.type(screen.getByLabelText(/^Name/), '2');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  await waitFor(() =>
    expect(screen.getByLabelText(/^Name/)).toHaveAccessibleDescription('give at most 100 characters'),
  );
  expect(onClose).not.toHaveBeenCalled();
});

test('tells of a change by somebody else', async () => {
  server.use(http.put('*/health-checks/:check', () => problem(412, 'revision_mismatch', 'It has moved on.')));
  const { user } = open(makeCheck());
  await user.type(screen.getByLabelText(/^Name/), '2');
  await user.click(screen.getByRole('button', { name: 'Save' }));
  expect(await screen.findByText(/Somebody else has changed this check/)).toBeVisible();
});

test('tests what is not saved yet, and shows what was found', async () => {
  const bodies = record(
    'post',
    '/test',
    makeResult({
      healthy: false,
      reason: 'tls_expired',
      observed: false,
      detail: 'expired on 2026-11-01',
    }) as never,
  );
  const { user } = open(null);
  await user.type(screen.getByLabelText(/^Name/), 'Unit');
  await user.type(screen.getByLabelText(/Service name/), 'nginx.service');
  await user.click(screen.getByRole('button', { name: 'Test' }));
  const result = await screen.findByTestId('test-result');
  expect(within(result).getByText(/Test failed/)).toBeVisible();
  expect(result).toHaveTextContent('The certificate has expired');
  expect(result).toHaveTextContent('no answer from target');
  expect(bodies).toEqual([
    { name: 'Unit', check_type: 'service', enabled: true, service_name: 'nginx.service' },
  ]);
});

test('a rate limit says when to try again', async () => {
  server.use(
    http.post('*/health-checks/test', () => {
      const answer = problem(429, 'rate_limited', 'Too many tests.');
      answer.headers.set('Retry-After', '17');
      return answer;
    }),
  );
  const { user } = open(null);
  await user.type(screen.getByLabelText(/^Name/), 'Unit');
  await user.type(screen.getByLabelText(/Service name/), 'nginx.service');
  await user.click(screen.getByRole('button', { name: 'Test' }));
  expect(await screen.findByText(/Try again in 17 s/)).toBeVisible();
});

test('Escape closes an untouched dialog, and asks before it throws away what was typed', async () => {
  const { user, onClose } = open(null);
  await user.keyboard('{Escape}');
  expect(onClose).toHaveBeenCalledTimes(1);
  await user.type(screen.getByLabelText(/^Name/), 'nginx');
  await user.keyboard('{Escape}');
  const question = screen.getByRole('dialog', { name: 'Discard your changes?' });
  expect(within(question).getByRole('button', { name: 'Keep editing' })).toHaveFocus();
  await user.click(within(question).getByRole('button', { name: 'Keep editing' }));
  await waitFor(() => expect(question).not.toBeInTheDocument());
  expect(screen.getByLabelText(/^Name/)).toHaveValue('nginx');
  expect(onClose).toHaveBeenCalledTimes(1);
  await user.click(screen.getByLabelText(/^Name/));
  await user.keyboard('{Escape}');
  await user.click(await screen.findByRole('button', { name: 'Discard' }));
  expect(onClose).toHaveBeenCalledTimes(2);
});

test('a test’s result says when it was run', async () => {
  const ran = new Date(Date.now() - 125_000).toISOString();
  record('post', '/test', makeResult({ checked_at: ran }) as never);
  const { user } = open(null);
  await user.type(screen.getByLabelText(/^Name/), 'nginx');
  await user.type(screen.getByLabelText(/Service name/), 'nginx.service');
  await user.click(screen.getByRole('button', { name: 'Test' }));
  const result = await screen.findByTestId('test-result');
  expect(result).toHaveTextContent('Test passed in 12 ms, 2 min ago');
  expect(result.querySelector('time')).toHaveAttribute('dateTime', ran);
});
