import { Alert, AlertTitle, Box, Button, Stack, Typography } from '@mui/material';
import { useState, type ReactNode } from 'react';
import type { HostPreview } from '../api/types';
import { useNow } from '../hooks/useNow';
import { groupPreview } from '../model/preview';
import { reasonWords } from '../model/reasons';
import { count, formatDuration, toMillis } from '../model/time';

/** Properties of {@link DeployHealthWarning}. */
export interface DeployHealthWarningProps {
  /** What the gate would say of each chosen host; `undefined` while it is being asked. */
  previews: readonly HostPreview[] | undefined;
  /** A host's name. */
  hostName: (hostId: string) => string;
  /** Chosen hosts that have no window, where the job is for each host's own. */
  windowless?: readonly string[];
  /** The gate only reports: hosts that are not healthy are patched as well. */
  reportOnly?: boolean;
  /** The checks are run once, and nothing is patched. */
  dryRun?: boolean;
}

/** Before anything is submitted: which hosts would wait, and why, and which nothing would hold back. */
export function DeployHealthWarning({
  previews,
  hostName,
  windowless = [],
  reportOnly = false,
  dryRun = false,
}: DeployHealthWarningProps) {
  const now = useNow();
  if (previews === undefined) {
    return <Alert severity="info">Loading the preview…</Alert>;
  }
  const groups = groupPreview(previews);
  const failing = [...groups.fail, ...groups.unhealthy];
  const names = (hosts: readonly HostPreview[], note?: (host: HostPreview) => ReactNode) => (
    <HostList hosts={hosts} hostName={hostName} note={note} />
  );
  return (
    <Stack spacing={1} role="region" aria-label="Preview">
      {dryRun && (
        <Alert severity="info">
          <AlertTitle>Dry run: nothing will be patched</AlertTitle>
          The checks run once. Below is what a job that patches would do now.
        </Alert>
      )}
      {reportOnly && (
        <Alert severity="warning">
          <AlertTitle>Report only: hosts will be patched although their checks fail</AlertTitle>
          This is not a dry run. The gates hold nothing back and record what they would have done.
        </Alert>
      )}
      {windowless.length > 0 && (
        <Alert severity="error">
          <AlertTitle>{count(windowless.length, 'host')} without a maintenance window</AlertTitle>A job for
          the next window is refused. Choose another time for {windowless.length === 1 ? 'it' : 'them'}, or
          leave {windowless.length === 1 ? 'it' : 'them'} out.
          <HostList hosts={windowless.map((host_id) => ({ host_id }))} hostName={hostName} />
        </Alert>
      )}
      {reportOnly && failing.length > 0 && (
        <Alert severity="error">
          <AlertTitle>{count(failing.length, 'host')} will be patched although unhealthy</AlertTitle>
          {names(failing, reasons)}
        </Alert>
      )}
      {reportOnly && groups.unknown.length > 0 && (
        <Alert severity="error">
          <AlertTitle>
            {count(groups.unknown.length, 'host')} will be patched although nothing recent is known of{' '}
            {groups.unknown.length === 1 ? 'its' : 'their'} checks
          </AlertTitle>
          {names(groups.unknown, reasons)}
        </Alert>
      )}
      {!reportOnly && groups.fail.length > 0 && (
        <Alert severity="error">
          <AlertTitle>{count(groups.fail.length, 'host')} would fail</AlertTitle>
          {names(groups.fail, reasons)}
        </Alert>
      )}
      {!reportOnly && groups.unhealthy.length > 0 && (
        <Alert severity="warning">
          <AlertTitle>
            {count(groups.unhealthy.length, 'host')} would wait for{' '}
            {groups.unhealthy.length === 1 ? 'its' : 'their'} checks to become healthy
          </AlertTitle>
          {names(groups.unhealthy, reasons)}
        </Alert>
      )}
      {!reportOnly && groups.unknown.length > 0 && (
        <Alert severity="warning">
          <AlertTitle>{count(groups.unknown.length, 'host')} with checks without a recent result</AlertTitle>
          The gate runs these checks first and decides by their results.
          {names(groups.unknown, reasons)}
        </Alert>
      )}
      {groups.busy.length > 0 && (
        <Alert severity="warning">
          <AlertTitle>{count(groups.busy.length, 'host')} held by another job</AlertTitle>
          This job starts on {groups.busy.length === 1 ? 'it' : 'them'} when the other job has ended there,
          and runs the checks then.
          {names(groups.busy)}
        </Alert>
      )}
      {!reportOnly && groups.short.length > 0 && (
        <Alert severity="warning">
          <AlertTitle>
            {count(groups.short.length, 'host')} whose window is too short for a second attempt
          </AlertTitle>
          If a check fails at the first attempt, there is no time for another before the close.
          {names(groups.short, (host) => {
            const start = Math.max(now, toMillis(host.opens_at));
            return `${formatDuration(toMillis(host.closes_at) - start)} in all`;
          })}
        </Alert>
      )}
      {groups.unchecked.length > 0 && (
        <Alert severity="warning">
          <AlertTitle>{count(groups.unchecked.length, 'host')} without a health check</AlertTitle>
          No check delays the patch, and no check verifies it afterwards.
          {names(groups.unchecked)}
        </Alert>
      )}
      {groups.early.length > 0 && (
        <Alert severity="info">
          <AlertTitle>{count(groups.early.length, 'host')} healthy, and waiting for the window</AlertTitle>
          The gate decides by their state when the window opens.
        </Alert>
      )}
      {groups.ready.length > 0 && (
        <Alert severity="success">
          <AlertTitle>
            {count(groups.ready.length, 'host')} with all checks healthy
            {dryRun ? '' : ': the patch starts at once'}
          </AlertTitle>
        </Alert>
      )}
    </Stack>
  );
}

function reasons(host: HostPreview): ReactNode {
  return host.blocking
    .map(({ name, reason, check_id }) => {
      const { title } = reasonWords(reason);
      // What the library itself puts there has no name worth saying.
      return check_id == null && reason === 'gate_busy' ? title : `${name}: ${title}`;
    })
    .join('; ');
}

interface HostListProps<Host> {
  hosts: readonly Host[];
  hostName: (hostId: string) => string;
  note?: ((host: Host) => ReactNode) | undefined;
}

const SHOWN = 6;

function HostList<Host extends { host_id: string }>({ hosts, hostName, note }: HostListProps<Host>) {
  const [all, setAll] = useState(false);
  const visible = all ? hosts : hosts.slice(0, SHOWN);
  return (
    <>
      <Box component="ul" sx={{ m: 0, mt: 0.5, pl: 2.5, overflowWrap: 'anywhere' }}>
        {visible.map((host) => (
          <li key={host.host_id}>
            <Typography variant="body2" component="span">
              <strong>{hostName(host.host_id)}</strong>
              {note !== undefined && <> – {note(host)}</>}
            </Typography>
          </li>
        ))}
      </Box>
      {hosts.length > SHOWN && (
        <Button size="small" color="inherit" onClick={() => setAll(!all)} aria-expanded={all}>
          {all ? 'Show fewer' : `and ${hosts.length - SHOWN} more`}
        </Button>
      )}
    </>
  );
}
