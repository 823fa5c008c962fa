import {
  Alert,
  Button,
  Dialog,
  DialogActions,
  DialogContent,
  DialogContentText,
  DialogTitle,
  TextField,
} from '@mui/material';
import { useId, useState, type FormEvent } from 'react';
import { usePause } from '../../app/api/hooks';
import type { Host } from '../../app/api/types';
import { formatShort, messageOf } from '../../health';

/** Says why a host is paused, and lets it go on. */
export function PauseAlert({ host, canEdit }: { host: Host; canEdit: boolean }) {
  const pause = usePause(host.id);
  if (host.paused == null) return null;
  const { reason, by, at } = host.paused;
  return (
    <Alert
      severity="warning"
      action={
        canEdit && (
          <Button color="inherit" size="small" loading={pause.isPending} onClick={() => pause.mutate(null)}>
            Resume
          </Button>
        )
      }
    >
      <strong>Paused:</strong> “{reason}”. No job patches this host until it goes on.
      {by != null && ` By ${by}`}
      {at != null && `, ${formatShort(at)}`}
      {pause.isError && <div>{messageOf(pause.error)}</div>}
    </Alert>
  );
}

/** Pauses a host, with a reason. */
export function PauseDialog({ host, open, onClose }: { host: Host; open: boolean; onClose: () => void }) {
  const id = useId();
  return (
    <Dialog open={open} onClose={onClose} fullWidth maxWidth="xs" aria-labelledby={id}>
      <DialogTitle id={id} sx={{ overflowWrap: 'anywhere' }}>
        Pause {host.name}
      </DialogTitle>
      <Form host={host} onClose={onClose} />
    </Dialog>
  );
}

function Form({ host, onClose }: { host: Host; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const [fault, setFault] = useState<string | null>(null);
  const pause = usePause(host.id);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (reason.trim() === '') setFault('Give a reason.');
    else pause.mutate(reason.trim(), { onSuccess: onClose });
  };
  return (
    <form onSubmit={submit} noValidate>
      <DialogContent>
        <DialogContentText sx={{ mb: 2 }}>
          While it is paused no job patches this host, whatever its checks say. Jobs for it wait, and fail
          when their window closes.
        </DialogContentText>
        <TextField
          label="Reason"
          required
          fullWidth
          value={reason}
          onChange={(event) => {
            setReason(event.target.value);
            setFault(null);
          }}
          error={fault !== null}
          helperText={fault ?? 'Shown to everyone who wonders why this host waits.'}
          slotProps={{ htmlInput: { maxLength: 200 } }}
        />
        {pause.isError && (
          <Alert severity="error" sx={{ mt: 2 }}>
            {messageOf(pause.error)}
          </Alert>
        )}
      </DialogContent>
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" variant="contained" loading={pause.isPending}>
          Pause
        </Button>
      </DialogActions>
    </form>
  );
}
