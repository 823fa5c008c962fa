import { Button, Stack, Typography } from '@mui/material';
import { useState } from 'react';
import { Link as RouterLink, useNavigate } from 'react-router';
import { allHosts, useCreateJob, type HostChoice } from '../../app/api/hooks';
import type { Host } from '../../app/api/types';
import { ConfirmDialog, count, messageOf } from '../../health';
import { BulkDialog, type BulkKind } from '../bulk/BulkDialog';
import { fragmentOf } from '../deploy/selection';

/** The most hosts of one job. */
const MOST = 10_000;

/** Properties of {@link HostBulkBar}. */
export interface HostBulkBarProps {
  /** What the list shows. */
  choice: HostChoice;
  /** How many hosts that is, once it is known. */
  total: number | undefined;
  chosen: ReadonlyMap<string, Host>;
  onChoose: (hosts: ReadonlyMap<string, Host>) => void;
}

/** What can be done to the chosen hosts. It is there before anything is chosen, so that nothing moves. */
export function HostBulkBar({ choice, total, chosen, onChoose }: HostBulkBarProps) {
  const [open, setOpen] = useState<{ kind: BulkKind; ids: string[] } | null>(null);
  const [testing, setTesting] = useState(false);
  const [choosing, setChoosing] = useState(false);
  const [fault, setFault] = useState<unknown>(null);
  const create = useCreateJob();
  const navigate = useNavigate();
  const ids = [...chosen.keys()];
  const none = ids.length === 0;
  const chooseAll = async () => {
    setChoosing(true);
    setFault(null);
    try {
      const found = await allHosts(choice, MOST);
      onChoose(new Map([...chosen, ...found.map((host) => [host.id, host] as const)]));
    } catch (error) {
      setFault(error);
    } finally {
      setChoosing(false);
    }
  };
  const { q, status, group = '', reason = '' } = choice;
  const all = q === '' && status === '' && group === '' && reason === '';
  const number = total === undefined ? '' : `${total.toLocaleString('en-GB')} `;
  return (
    <Stack
      direction="row"
      spacing={0.5}
      useFlexGap
      role="group"
      aria-label="Chosen hosts"
      sx={{ px: 1.5, pb: 1, alignItems: 'center', flexWrap: 'wrap', fontVariantNumeric: 'tabular-nums' }}
    >
      <Typography variant="body2" color="text.secondary" role="status" sx={{ mr: 1, minWidth: 90 }}>
        {none ? 'None chosen' : `${ids.length.toLocaleString('en-GB')} chosen`}
      </Typography>
      <Button size="small" loading={choosing} disabled={total === 0} onClick={() => void chooseAll()}>
        Choose all {number}
        {all ? 'hosts' : 'that match'}
      </Button>
      <Button size="small" disabled={none} onClick={() => onChoose(new Map())}>
        Choose none
      </Button>
      <Button size="small" disabled={none} onClick={() => setTesting(true)}>
        Test all checks…
      </Button>
      {none ? (
        <Button size="small" disabled>
          Deploy…
        </Button>
      ) : (
        <Button size="small" component={RouterLink} to={{ pathname: '/deploy', hash: fragmentOf(ids) }}>
          Deploy…
        </Button>
      )}
      <Button size="small" disabled={none} onClick={() => setOpen({ kind: 'pause', ids })}>
        Pause…
      </Button>
      <Button size="small" disabled={none} onClick={() => setOpen({ kind: 'resume', ids })}>
        Resume…
      </Button>
      {fault !== null && (
        <Typography variant="body2" color="error" role="alert">
          The hosts could not be loaded. {messageOf(fault)}
        </Typography>
      )}
      {open !== null && (
        <BulkDialog
          kind={open.kind}
          ids={open.ids}
          nameOf={(id) => chosen.get(id)?.name ?? id.slice(0, 8)}
          onClose={() => setOpen(null)}
        />
      )}
      <ConfirmDialog
        open={testing}
        title={`Test all checks of ${count(ids.length, 'host')}?`}
        confirm="Test"
        busy={create.isPending}
        error={create.error}
        onClose={() => {
          create.reset();
          setTesting(false);
        }}
        onConfirm={() =>
          create.mutate(
            { host_ids: ids, immediate: true, dry_run: true, name: `Test of ${count(ids.length, 'host')}` },
            { onSuccess: (job) => void navigate(`/jobs/${job.id}`) },
          )
        }
      >
        Every enabled check of these hosts runs once, as a dry run: nothing is patched. Its job says of each
        host which checks fail. Each host counts as one test.
      </ConfirmDialog>
    </Stack>
  );
}
