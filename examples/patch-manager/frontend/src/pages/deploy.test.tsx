import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse } from 'msw';
import { useLocation } from 'react-router';
import { beforeEach, expect, test } from 'vitest';
import { signIn } from '../app/session';
import { id } from '../mocks/fixtures';
import { renderApp } from '../test/render';
import { server } from '../test/server';
import DeployPage from './DeployPage';
import { fragmentOf, idsOf } from './deploy/selection';

const user = userEvent.setup({ delay: null, pointerEventsCheck: 0 });

beforeEach(() => signIn('token-ada'));

function Where() {
  const { search, hash } = useLocation();
  return (
    <output data-testid="where">
      {search}
      {hash}
    </output>
  );
}

const page = (
  <>
    <DeployPage />
    <Where />
  </>
);
const chosen = () => idsOf(screen.getByTestId('where').textContent);

test('any selection is read back from its fragment, and nothing else is one', () => {
  for (const size of [1, 2, 3, 50, 1_000]) {
    const ids = Array.from({ length: size }, () => crypto.randomUUID() as string);
    expect(idsOf(fragmentOf(ids))).toEqual(ids);
  }
  expect(fragmentOf([])).toBe('');
  expect(idsOf('#hosts=')).toEqual([]);
  expect(idsOf('#hosts=AAAA')).toEqual([]);
  expect(idsOf('#hosts=A')).toBeNull();
  for (const other of ['', '#content', '#hosts=!', '#hosts=a b']) expect(idsOf(other)).toBeNull();
});

test('a link chooses its hosts, and says what of it is not there', async () => {
  renderApp(page, { route: `/deploy${fragmentOf([id(1), id(2), id(0xffff)])}` });
  expect(await screen.findByText('2 hosts chosen')).toBeVisible();
  expect(screen.getByText(/1 host of this selection does not exist/)).toBeVisible();
  expect(await screen.findByLabelText('Choose web-01')).toBeChecked();
});

test('says nothing of a role before the server has, and says why it has not', async () => {
  server.use(http.get('*/api/v1/me', () => HttpResponse.error(), { once: true }));
  renderApp(page, { route: '/deploy' });
  expect(screen.getByRole('status', { name: 'Loading' })).toBeVisible();
  expect(screen.queryByText(/Your role can view/)).toBeNull();
  expect(await screen.findByText(/^Your role could not be loaded/)).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Try again' }));
  expect(await screen.findByRole('heading', { name: 'Which hosts?' })).toBeVisible();
});

test('a click on a row chooses its host, and the address holds it', async () => {
  renderApp(page, { route: `/deploy?host=${id(2)}` });
  await screen.findByText('1 host chosen');
  await user.click(await screen.findByText('10.0.4.11'));
  expect(await screen.findByText('2 hosts chosen')).toBeVisible();
  expect(chosen()).toEqual([id(2), id(1)]);
  await user.click(screen.getByLabelText('Choose db-02'));
  await waitFor(() => expect(chosen()).toEqual([id(1)]));
});

test('all hosts that match are chosen at once, over all pages', async () => {
  renderApp(page, { route: '/deploy' });
  await user.click(await screen.findByText('Select all hosts'));
  expect(await screen.findByText('64 hosts chosen')).toBeVisible();
  await user.click(screen.getByText('Clear'));
  await user.click(screen.getByText('Unhealthy'));
  await user.click(screen.getByText('Select all that match'));
  await waitFor(() => expect(chosen()).toHaveLength(9));
});

test('a group is chosen with two clicks', async () => {
  renderApp(page, { route: '/deploy' });
  await user.click(await screen.findByLabelText('Group'));
  await user.click(await screen.findByRole('option', { name: 'db' }));
  expect(await screen.findByText('16 hosts of 16 on this page')).toBeVisible();
  await user.click(screen.getByText('Select all that match'));
  await waitFor(() => expect(chosen()).toHaveLength(16));
});

test('a part of the hosts that cannot be read chooses none of them', async () => {
  renderApp(page, { route: '/deploy' });
  await screen.findByText('web-01');
  server.use(http.get('*/api/v1/hosts', () => HttpResponse.json({ code: 'x' }, { status: 503 })));
  await user.click(screen.getByText('Select all hosts'));
  expect(await screen.findByText(/The hosts could not be loaded/)).toBeVisible();
  expect(screen.getByText('No host chosen')).toBeVisible();
});
