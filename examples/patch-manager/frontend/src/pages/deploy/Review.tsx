import { Alert, Box, Button, Stack, Typography } from '@mui/material';
import { useState, type ReactNode } from 'react';
import type { Host, JobRequest } from '../../app/api/types';
import {
  ConfirmDialog,
  count,
  DeployHealthWarning,
  formatDuration,
  formatRange,
  groupPreview,
  messageOf,
  ProblemError,
  UTC,
  useGatePreview,
  useNow,
  type HostPreview,
} from '../../health';
import { useSettings } from '../../app/api/hooks';
import { GroupNotice } from '../../app/GroupNotice';
import { requestOf, windowOf, type Mode, type Plan } from './plan';
import { rolloutWords } from './rollout';

/** Properties of {@link Review}. */
export interface ReviewProps {
  plan: Plan;
  hosts: readonly Host[];
  busy: boolean;
  error: unknown;
  onSubmit: (body: JobRequest) => void;
  /** The line of buttons, with the one that submits in it. */
  footer: (submit: ReactNode) => ReactNode;
}

/** The third step: what the gate would say, and the question that names the risk. */
export function Review({ plan, hosts, busy, error, onSubmit, footer }: ReviewProps) {
  const now = useNow();
  const [asking, setAsking] = useState(false);
  // The preview of a job for now: begun when this step was reached, so that it is asked for once.
  const [reached] = useState(now);
  const settings = useSettings();
  const longest = settings.data?.immediate_max_wait_secs;
  const windowless =
    plan.timing === 'maintenance'
      ? hosts.filter((host) => host.maintenance_window == null).map((host) => host.id)
      : [];
  const asked = hosts.map((host) => host.id).filter((id) => !windowless.includes(id));
  const window =
    plan.timing === 'immediate'
      ? {
          opens_at: new Date(reached).toISOString(),
          closes_at: new Date(reached + (longest ?? 0) * 1_000).toISOString(),
        }
      : (windowOf(plan) ?? undefined);
  const known = plan.timing !== 'immediate' || longest !== undefined;
  const preview = useGatePreview(known ? asked : [], window);
  const failed = [settings, preview].find((query) => query.isError && (query === preview || !known));
  const names = new Map(hosts.map((host) => [host.id, host.name]));
  const risks = riskWords(preview.data ?? [], plan.mode);
  const inStages = plan.rollout.on && plan.mode !== 'dry_run';
  return (
    <>
      <Stack spacing={2} sx={{ px: 2, py: 1.5 }}>
        <Typography variant="body2">
          {count(hosts.length, 'host')}:{' '}
          {names.size <= 8
            ? [...names.values()].join(', ')
            : `${[...names.values()].slice(0, 8).join(', ')} and ${names.size - 8} more`}
          . {timeWords(plan, longest)}
        </Typography>
        {inStages && <Typography variant="body2">{rolloutWords(plan.rollout)}</Typography>}
        {plan.mode !== 'dry_run' && <GroupNotice names={new Set(hosts.flatMap((host) => host.groups))} />}
        {failed !== undefined ? (
          <Alert
            severity="error"
            action={
              <Button color="inherit" size="small" onClick={() => void failed.refetch()}>
                Try again
              </Button>
            }
          >
            Preview unavailable. {messageOf(failed.error)}
          </Alert>
        ) : (
          <DeployHealthWarning
            previews={asked.length === 0 ? [] : preview.data}
            hostName={(id) => names.get(id) ?? id}
            windowless={windowless}
            reportOnly={plan.mode === 'report_only'}
            dryRun={plan.mode === 'dry_run'}
          />
        )}
        {error != null && (
          <Alert severity="error" role="alert">
            {messageOf(error)}
            {error instanceof ProblemError &&
              error.fields.map((each) => <div key={each.field + each.code}>{each.message}</div>)}
          </Alert>
        )}
      </Stack>
      {footer(
        <Button
          variant="contained"
          disabled={busy || windowless.length > 0 || (preview.isPending && asked.length > 0)}
          onClick={() => setAsking(true)}
        >
          Submit…
        </Button>,
      )}
      <ConfirmDialog
        open={asking}
        title={`${plan.mode === 'dry_run' ? 'Dry run on' : 'Patch'} ${count(hosts.length, 'host')}?`}
        confirm={plan.mode === 'dry_run' ? 'Submit the dry run' : 'Submit the job'}
        color={risks.length > 0 ? 'warning' : 'primary'}
        busy={busy}
        onClose={() => setAsking(false)}
        onConfirm={() => {
          onSubmit(
            requestOf(
              plan,
              hosts.map((host) => host.id),
            ),
          );
          setAsking(false);
        }}
      >
        <Typography variant="body2">{timeWords(plan, longest)}</Typography>
        {inStages && <Typography variant="body2">{rolloutWords(plan.rollout)}</Typography>}
        {plan.mode === 'dry_run' ? (
          <Typography variant="body2">Nothing will be patched.</Typography>
        ) : risks.length === 0 ? (
          <Typography variant="body2">Every check is healthy at the moment.</Typography>
        ) : (
          <Box component="ul" sx={{ pl: 2.5, mb: 0 }}>
            {risks.map((risk) => (
              <Typography component="li" variant="body2" key={risk}>
                {risk}
              </Typography>
            ))}
          </Box>
        )}
      </ConfirmDialog>
    </>
  );
}

function timeWords(plan: Plan, longest: number | undefined): string {
  if (plan.mode === 'dry_run') return 'Dry run: the checks run once, as soon as you submit.';
  if (plan.timing === 'maintenance') return 'In each host’s maintenance window.';
  if (plan.timing === 'immediate') {
    const within = longest === undefined ? 'the wait limit' : formatDuration(longest * 1_000);
    return plan.mode === 'report_only'
      ? 'Now, whatever the checks say.'
      : `Now, or as soon as the checks are healthy, within ${within}.`;
  }
  const window = windowOf(plan);
  if (window == null) return '';
  const utc = formatRange(window.opens_at, window.closes_at, UTC);
  return `${formatRange(window.opens_at, window.closes_at)} (${utc}).`;
}

/** What one has to know before saying yes. */
export function riskWords(previews: readonly HostPreview[], mode: Mode): string[] {
  if (mode === 'dry_run') return [];
  const { busy, fail, unhealthy, unknown } = groupPreview(previews);
  const held = fail.length + unhealthy.length + unknown.length;
  const unchecked = previews.filter((each) => each.kind === 'no_checks').length;
  const short = previews.filter((each) => each.window_too_short).length;
  const are = (number: number) => (number === 1 ? 'is' : 'are');
  return [
    ...(held > 0
      ? [
          mode === 'report_only'
            ? `${count(held, 'host')} ${are(held)} not healthy and will be patched anyway: report only holds nothing back.`
            : `${count(held, 'host')} ${are(held)} not healthy: they wait, and fail if their window closes first.`,
        ]
      : []),
    ...(busy.length > 0
      ? [`${count(busy.length, 'host')} ${are(busy.length)} held by another job: this one waits for it.`]
      : []),
    ...(unchecked > 0
      ? [
          `${count(unchecked, 'host')} ${unchecked === 1 ? 'has' : 'have'} no health check: nothing holds the patch back.`,
        ]
      : []),
    ...(short > 0 && mode === 'patch'
      ? [`${count(short, 'host')}: the window has no room for a second attempt.`]
      : []),
  ];
}
