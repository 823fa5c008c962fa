import { Button, Stack, Typography } from '@mui/material';
import { useState } from 'react';
import { Link as RouterLink } from 'react-router';
import type { JobHost } from '../../app/api/types';
import { BulkDialog, type BulkKind } from '../bulk/BulkDialog';
import { fragmentOf } from '../deploy/selection';
import { overriddenOf, stateOf, type State } from './state';

/** Properties of {@link JobBulkBar}. */
export interface JobBulkBarProps {
  jobId: string;
  hosts: readonly JobHost[];
  /** The hosts that the filter leaves. */
  shown: readonly JobHost[];
  chosen: ReadonlySet<string>;
  onChoose: (ids: ReadonlySet<string>) => void;
  canOverride: boolean;
  /** The job has ended: what is left is another one over its hosts. */
  over: boolean;
  /** Whether the form for a new job can hold its settings: that of a rollback cannot. */
  repeatable: boolean;
}

const CANCELLABLE: readonly State[] = ['blocked', 'checks', 'window', 'turn', 'slot', 'queued'];
const REPEATABLE: readonly State[] = ['failed', 'unverified', 'cancelled'];

/** What can be done to the chosen hosts of a job. It is there before anything is chosen, so that nothing moves. */
export function JobBulkBar(props: JobBulkBarProps) {
  const { jobId, hosts, shown, chosen, onChoose, canOverride, over, repeatable } = props;
  const [open, setOpen] = useState<{ kind: BulkKind; ids: string[] } | null>(null);
  const picked = hosts.filter((host) => chosen.has(host.host_id));
  const idsOf = (wanted: (host: JobHost) => boolean) => picked.filter(wanted).map((host) => host.host_id);
  const failing = idsOf((host) => stateOf(host) === 'checks' && overriddenOf(host).held > 0);
  const waiting = idsOf((host) => CANCELLABLE.includes(stateOf(host)));
  const failed = idsOf((host) => REPEATABLE.includes(stateOf(host)));
  const every = idsOf(() => true);
  const names = new Map(hosts.map((host) => [host.host_id, host.host_name]));
  const action = (kind: BulkKind, word: string, ids: string[]) => (
    <Button key={kind} size="small" disabled={ids.length === 0} onClick={() => setOpen({ kind, ids })}>
      {word}
      {ids.length > 0 && ` (${ids.length.toLocaleString('en-GB')})`}…
    </Button>
  );
  const isAll = shown.length > 0 && shown.every((host) => chosen.has(host.host_id));
  return (
    <Stack
      direction="row"
      spacing={0.5}
      useFlexGap
      role="group"
      aria-label="Chosen hosts"
      sx={{ px: 2, pb: 1, alignItems: 'center', flexWrap: 'wrap', fontVariantNumeric: 'tabular-nums' }}
    >
      <Typography variant="body2" color="text.secondary" role="status" sx={{ mr: 1, minWidth: 90 }}>
        {picked.length === 0 ? 'None chosen' : `${picked.length.toLocaleString('en-GB')} chosen`}
      </Typography>
      <Button
        size="small"
        disabled={shown.length === 0 || isAll}
        onClick={() => onChoose(new Set([...chosen, ...shown.map((host) => host.host_id)]))}
      >
        Choose all {shown.length.toLocaleString('en-GB')}
        {shown.length < hosts.length && ' that match'}
      </Button>
      <Button size="small" disabled={chosen.size === 0} onClick={() => onChoose(new Set())}>
        Choose none
      </Button>
      {!over && canOverride && action('override', 'Override', failing)}
      {!over && action('cancel', 'Cancel hosts', waiting)}
      {action('pause', 'Pause', every)}
      {action('resume', 'Resume', every)}
      {repeatable && failed.length > 0 && (
        <Button
          size="small"
          component={RouterLink}
          to={{ pathname: '/deploy', search: `?again=${jobId}`, hash: fragmentOf(failed) }}
        >
          Try again ({failed.length.toLocaleString('en-GB')})…
        </Button>
      )}
      {open !== null && (
        <BulkDialog
          kind={open.kind}
          jobId={jobId}
          ids={open.ids}
          nameOf={(id) => names.get(id) ?? id.slice(0, 8)}
          onClose={() => setOpen(null)}
        />
      )}
    </Stack>
  );
}
