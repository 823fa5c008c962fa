import { Alert, Box, Button, Paper, Skeleton, Stack, Typography } from '@mui/material';
import { useId, useRef, useState } from 'react';
import { messageOf } from '../api/problem';
import type { HealthCheck } from '../api/types';
import { useDeleteCheck, useHealthChecks } from '../hooks/useChecks';
import { RETENTION_MS } from '../hooks/useHistory';
import { CheckRow } from './CheckRow';
import { ConfirmDialog } from './ConfirmDialog';
import { HealthCheckDialog } from './HealthCheckDialog';
import type { HostSearch } from './HostPicker';
import { AddIcon, NoneIcon } from './icons';

/** Properties of {@link HealthChecksSection}. */
export interface HealthChecksSectionProps {
  /** The host whose checks are shown. */
  hostId: string;
  /** Its name, for titles and confirmations. */
  hostName: string;
  /** Whether the user may add, change, delete and test checks. The server decides; this hides. */
  canEdit: boolean;
  /** Finds hosts that a service check can ask instead; without it, that field is left out. */
  hosts?: HostSearch;
  /** How many checks a host may have. */
  limit?: number;
  /** How long results are kept, in milliseconds. */
  retention?: number;
  /** The longest that a run takes, in seconds. */
  timeout?: number;
  /** Called after a check was added, changed or deleted here, for what else shows the host's health. */
  onChanged?: () => void;
}

/** A host's health checks: what they say, and everything that can be done with them. */
export function HealthChecksSection({
  hostId,
  hostName,
  canEdit,
  hosts,
  limit = 5,
  retention = RETENTION_MS,
  timeout = 10,
  onChanged,
}: HealthChecksSectionProps) {
  const id = useId();
  const checks = useHealthChecks(hostId);
  const remove = useDeleteCheck(hostId);
  const [dialog, setDialog] = useState<{ check: HealthCheck | null } | null>(null);
  const [deleting, setDeleting] = useState<HealthCheck | null>(null);
  const add = useRef<HTMLButtonElement>(null);
  const number = checks.data?.length ?? 0;
  const full = number >= limit;
  const editing =
    dialog === null || dialog.check === null
      ? null
      : (checks.data?.find((check) => check.id === dialog.check?.id) ?? dialog.check);

  return (
    <Paper component="section" variant="outlined" aria-labelledby={`${id}-title`}>
      <Stack
        direction={{ xs: 'column', sm: 'row' }}
        spacing={1}
        sx={{ px: 2, py: 1.5, alignItems: { sm: 'center' } }}
      >
        <Box sx={{ flex: 1 }}>
          <Typography id={`${id}-title`} variant="h6" component="h2">
            Health checks
          </Typography>
          <Typography variant="body2" color="text.secondary" id={`${id}-limit`}>
            {checks.data === undefined
              ? `At most ${limit} for a host.`
              : full
                ? `${number} of ${limit}: the most a host can have. Delete one to add another.`
                : `${number} of at most ${limit}. Each of them has to be healthy before a patch.`}
          </Typography>
        </Box>
        {canEdit && (
          <Button
            ref={add}
            variant="contained"
            startIcon={<AddIcon />}
            disabled={checks.data === undefined || full}
            aria-describedby={`${id}-limit`}
            onClick={() => setDialog({ check: null })}
          >
            Add health check
          </Button>
        )}
      </Stack>
      {checks.isError && (
        <Alert
          severity="error"
          sx={{ mx: 2, mb: 2 }}
          action={
            <Button color="inherit" size="small" onClick={() => void checks.refetch()}>
              Try again
            </Button>
          }
        >
          The checks could not be loaded. {messageOf(checks.error)}
        </Alert>
      )}
      {checks.isPending && <Loading />}
      {checks.data?.length === 0 && <Empty canEdit={canEdit} />}
      {checks.data !== undefined && checks.data.length > 0 && (
        <Box component="ul" sx={{ m: 0, p: 0 }} aria-label="Health checks">
          {checks.data.map((check) => (
            <CheckRow
              key={check.id}
              check={check}
              canEdit={canEdit}
              retention={retention}
              timeout={timeout}
              onEdit={() => setDialog({ check })}
              onDelete={() => {
                remove.reset();
                setDeleting(check);
              }}
            />
          ))}
        </Box>
      )}
      {dialog !== null && (
        <HealthCheckDialog
          open
          hostId={hostId}
          hostName={hostName}
          check={editing}
          hosts={hosts}
          timeout={timeout}
          onClose={() => setDialog(null)}
          onSaved={onChanged}
        />
      )}
      <ConfirmDialog
        open={deleting !== null}
        title={`Delete the health check “${deleting?.name ?? ''}”?`}
        confirm="Delete"
        color="error"
        busy={remove.isPending}
        error={remove.error}
        returnFocus={() => add.current}
        onClose={() => setDeleting(null)}
        onConfirm={() => {
          if (deleting === null) return;
          remove.mutate(deleting, {
            onSuccess: () => {
              setDeleting(null);
              onChanged?.();
            },
          });
        }}
      >
        Its history goes with it, and a waiting job will no longer wait for it. This cannot be undone.
      </ConfirmDialog>
    </Paper>
  );
}

function Loading() {
  return (
    <Stack spacing={1.5} sx={{ px: 2, pb: 2 }} role="status" aria-label="Loading the health checks">
      {[0, 1, 2].map((row) => (
        <Skeleton key={row} variant="rounded" height={52} />
      ))}
    </Stack>
  );
}

function Empty({ canEdit }: { canEdit: boolean }) {
  return (
    <Stack
      spacing={0.5}
      sx={{ alignItems: 'center', textAlign: 'center', borderTop: 1, borderColor: 'divider', p: 4 }}
    >
      <NoneIcon color="disabled" sx={{ fontSize: 36 }} />
      <Typography sx={{ fontWeight: 600 }}>No health checks</Typography>
      <Typography variant="body2" color="text.secondary" sx={{ maxWidth: 460 }}>
        Nothing holds a patch back on this host.{' '}
        {canEdit && 'Add a check for what has to run before and after a patch.'}
      </Typography>
    </Stack>
  );
}
