import { screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { http, HttpResponse } from 'msw';
import { Route, Routes } from 'react-router';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Job, Rollout } from '../app/api/types';
import { signIn } from '../app/session';
import { JobChip } from '../app/StateChip';
import { JOB_STATUS } from '../app/words';
import { id, JOB_ID, makeHost, makeJob, makeJobHost } from '../mocks/fixtures';
import { problem } from '../mocks/handlers';
import { renderApp } from '../test/render';
import { server } from '../test/server';
import DeployPage from './DeployPage';
import { INITIAL_PLAN, planFault, requestOf } from './deploy/plan';
import { amountOf, INITIAL_ROLLOUT, rolloutFaults, type RolloutPlan } from './deploy/rollout';
import JobDetailPage from './JobDetailPage';
import { RolloutPanel } from './jobs/RolloutPanel';

const user = userEvent.setup({ delay: null, pointerEventsCheck: 0 });

beforeEach(() => signIn('token-ada'));

const ON: RolloutPlan = { ...INITIAL_ROLLOUT, on: true };

describe('a rollout in the plan', () => {
  test('is sent only where it is switched on, and never with a dry run', () => {
    expect(requestOf(INITIAL_PLAN, ['h'])).toEqual({ host_ids: ['h'] });
    const plan = { ...INITIAL_PLAN, rollout: ON };
    expect(requestOf(plan, ['h'])).toEqual({
      host_ids: ['h'],
      rollout: {
        stages: [
          { up_to: '1', soak_secs: 600 },
          { up_to: '10%', soak_secs: 600 },
          { up_to: '100%', soak_secs: 0 },
        ],
        max_in_flight: '10%',
        failure_budget: '0',
      },
    });
    expect(requestOf({ ...plan, mode: 'dry_run' }, ['h'])).toEqual({ host_ids: ['h'], dry_run: true });
  });

  test.each([
    ['5', 40, 5],
    [' 10% ', 37, 4],
    ['0%', 37, 0],
    ['100%', 3, 3],
    ['1%', 1_000, 10],
    ['101%', 37, null],
    ['10 %', 37, null],
    ['-1', 37, null],
    ['1.5', 37, null],
    ['', 37, null],
    ['٣', 37, null],
  ])('%j of %d hosts is %j', (text, hosts, amount) => {
    expect(amountOf(text, hosts)).toBe(amount);
  });

  test('says what is wrong with each field, and nothing where it is off', () => {
    const [first, second] = ON.stages;
    const wrong: RolloutPlan = {
      on: true,
      stages: [
        { ...first!, upTo: '0' },
        { ...second!, soakMinutes: '10081' },
      ],
      maxInFlight: '0%',
      failureBudget: 'none',
    };
    expect(rolloutFaults(ON)).toEqual({});
    expect(Object.keys(rolloutFaults(wrong))).toEqual([
      'stages[0].up_to',
      'stages[1].soak_secs',
      'max_in_flight',
      'failure_budget',
    ]);
    expect(planFault({ ...INITIAL_PLAN, rollout: wrong })).toMatch(/stages/);
    expect(planFault({ ...INITIAL_PLAN, mode: 'dry_run', rollout: wrong })).toBeNull();
    expect(planFault({ ...INITIAL_PLAN, rollout: { ...wrong, on: false } })).toBeNull();
  });
});

test('a job is rolled out in the stages that were given', async () => {
  const bodies: unknown[] = [];
  server.use(
    http.post('*/api/v1/jobs', async ({ request }) => {
      bodies.push(await request.json());
      return HttpResponse.json(makeJob(), { status: 201 });
    }),
  );
  renderApp(<DeployPage />);
  await user.click(await screen.findByRole('checkbox', { name: 'Choose web-01' }));
  await user.click(screen.getByRole('button', { name: 'Continue' }));
  const section = screen.getByRole('group', { name: 'Roll out in stages' });
  expect(within(section).queryByRole('textbox')).toBeNull();
  await user.click(within(section).getByRole('switch', { name: 'Roll out in stages' }));
  const stages = within(section).getByRole('list', { name: 'Stages' });
  expect(within(stages).getAllByRole('listitem')).toHaveLength(3);

  await user.click(within(stages).getByRole('button', { name: 'Remove stage 2' }));
  const add = within(section).getByRole('button', { name: 'Add a stage' });
  expect(add).toHaveFocus();
  const upTo = within(stages).getByRole('textbox', { name: 'Stage 2: up to' });
  expect(upTo).toHaveValue('100%');
  expect(upTo).toHaveAccessibleDescription('In all: 1 of 1 host');
  await user.clear(upTo);
  await user.type(upTo, 'half');
  expect(upTo).toBeInvalid();
  expect(upTo).toHaveAccessibleDescription(/a share, such as 10%/);
  await user.click(screen.getByRole('button', { name: 'Continue' }));
  expect(screen.getByText('Correct the stages of the rollout.')).toBeVisible();
  await user.clear(upTo);
  await user.type(upTo, '50%');
  await user.click(add);
  const budget = within(section).getByRole('textbox', { name: 'Failures allowed' });
  await user.clear(budget);
  await user.type(budget, '5%');
  await user.click(screen.getByRole('button', { name: 'Continue' }));
  const sentence = /In stages: 1 \(then 10 min\), 50%, 100%\. At most 10% at the same time/;
  expect(await screen.findByText(sentence)).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Submit…' }));
  expect(within(screen.getByRole('dialog')).getByText(sentence)).toBeVisible();
  await user.click(screen.getByRole('button', { name: 'Submit the job' }));
  await waitFor(() =>
    expect(bodies).toEqual([
      {
        host_ids: [makeHost().id],
        rollout: {
          stages: [
            { up_to: '1', soak_secs: 600 },
            { up_to: '50%', soak_secs: 0 },
            { up_to: '100%', soak_secs: 0 },
          ],
          max_in_flight: '10%',
          failure_budget: '5%',
        },
      },
    ]),
  );
});

describe('the page of a job', () => {
  const page = (
    <Routes>
      <Route path="/jobs/:jobId" element={<JobDetailPage />} />
    </Routes>
  );
  const route = `/jobs/${JOB_ID}`;
  const halted: Rollout = {
    state: 'halted',
    stage: 1,
    stages: 3,
    admitted: 10,
    spent: 6,
    in_flight: 2,
    max_in_flight: 3,
    used: 3,
    failure_budget: 2,
    policy: {},
    reason: '3 hosts failed or stayed unverified; the budget is 2',
  };

  function serve(rollout: Rollout | null, part: Partial<Job> = {}) {
    const job = makeJob({ ...part, rollout });
    server.use(http.get('*/api/v1/jobs/:id', () => HttpResponse.json(job)));
  }

  test.each(['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const)(
    'a job that is %s is named halted only while it would go on',
    (status) => {
      for (const rollout of [
        null,
        halted,
        { ...halted, state: 'running' },
        { ...halted, state: 'done' },
      ] as const) {
        const { unmount } = renderApp(<JobChip job={makeJob({ status, rollout })} />);
        const goesOn = status === 'queued' || status === 'running';
        const isHalted = goesOn && rollout?.state === 'halted';
        expect(screen.getByText(isHalted ? 'Halted' : JOB_STATUS[status].word)).toBeVisible();
        unmount();
      }
    },
  );

  test('shows no rollout where there is none', async () => {
    serve(null);
    renderApp(page, { route });
    expect(await screen.findByRole('link', { name: 'web-01' })).toBeVisible();
    expect(screen.queryByRole('region', { name: 'Rollout' })).toBeNull();
  });

  test('tells its stage, and which hosts wait for their turn', async () => {
    serve(
      { ...halted, state: 'running', reason: null },
      {
        host_count: 3,
        counts: { waiting_for_slot: 2, succeeded: 1 },
        hosts: [
          makeJobHost({ status: 'waiting_for_slot' }),
          makeJobHost({ host_id: id(2), status: 'succeeded' }),
        ],
      },
    );
    renderApp(page, { route });
    const region = await screen.findByRole('region', { name: 'Rollout' });
    expect(within(region).getByText('Running')).toBeVisible();
    const facts = ['Stage', 'Patched', 'Being patched or verified', 'Failed'].map(
      (name) => within(region).getByText(name).nextSibling?.textContent,
    );
    expect(facts).toEqual(['2 of 3', '6 of 10 in this stage', '2 of at most 3', '3, 2 allowed']);
    expect(screen.getByRole('button', { name: 'Waiting for its turn (1)' })).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Resume…' })).toBeNull();
  });

  test.each(['operator', 'reporter'])('says to an %s who may resume a halted one', async (role) => {
    serve(halted);
    server.use(http.get('*/api/v1/me', () => HttpResponse.json({ name: 'x', role, groups: ['web'] })));
    renderApp(page, { route });
    expect(await screen.findByText(/3 hosts failed .*until an administrator resumes it/)).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Resume…' })).toBeNull();
  });

  test('offers no way on where the job has ended', () => {
    renderApp(<RolloutPanel jobId={JOB_ID} rollout={halted} canResume over />);
    expect(screen.getByText(/3 hosts failed .*the budget is 2\.$/)).toBeVisible();
    expect(screen.queryByRole('button', { name: 'Resume…' })).toBeNull();
  });

  test('lets an administrator resume it with a reason', async () => {
    serve(halted);
    const bodies: unknown[] = [];
    const tooShort = [{ field: 'reason', code: 'too_short', message: 'say why, in at least 10 characters' }];
    server.use(
      http.post('*/api/v1/jobs/:id/resume', async ({ request }) => {
        bodies.push(await request.json());
        return bodies.length === 1
          ? problem(422, 'invalid', 'Something is wrong with it.', tooShort)
          : HttpResponse.json(makeJob());
      }),
    );
    renderApp(page, { route });
    await user.click(await screen.findByRole('button', { name: 'Resume…' }));
    const dialog = screen.getByRole('dialog', { name: /^Resume job/ });
    const reason = within(dialog).getByRole('textbox', { name: /Reason/ });
    await user.type(reason, ' too short ');
    await user.click(within(dialog).getByRole('button', { name: 'Resume' }));
    expect(reason).toHaveAccessibleDescription(/at least 10 characters/);
    expect(bodies).toEqual([]);
    await user.clear(reason);
    await user.type(reason, ' the mirror was full ');
    await user.click(within(dialog).getByRole('button', { name: 'Resume' }));
    await waitFor(() => expect(reason).toHaveAccessibleDescription('say why, in at least 10 characters'));
    expect(within(dialog).getByRole('alert')).toHaveTextContent('Something is wrong with it.');
    await user.type(reason, 'again');
    await user.click(within(dialog).getByRole('button', { name: 'Resume' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    expect(bodies).toEqual([{ reason: 'the mirror was full' }, { reason: 'the mirror was full again' }]);
  });
});
