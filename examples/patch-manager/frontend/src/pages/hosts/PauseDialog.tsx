import { Alert, Button, DialogActions, DialogContent, DialogContentText, TextField } from '@mui/material';
import { useEffect, useState, type FormEvent } from 'react';
import { usePause } from '../../app/api/hooks';
import type { Host } from '../../app/api/types';
import { FormDialog, formatShort, messageOf } from '../../health';

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
      <strong>Paused:</strong> “{reason}”. No job patches this host until it is resumed.
      {by != null && ` By ${by}`}
      {at != null && `, ${formatShort(at)}`}
      {pause.isError && <div>{messageOf(pause.error)}</div>}
    </Alert>
  );
}

/** Pauses a host, with a reason. */
export function PauseDialog({ host, open, onClose }: { host: Host; open: boolean; onClose: () => void }) {
  const [filled, setFilled] = useState(false);
  return (
    <FormDialog open={open} filled={filled} title={`Pause ${host.name}`} maxWidth="xs" onClose={onClose}>
      <Form host={host} onClose={onClose} onFilled={setFilled} />
    </FormDialog>
  );
}

interface FormProps {
  host: Host;
  onClose: () => void;
  onFilled: (filled: boolean) => void;
}

function Form({ host, onClose, onFilled }: FormProps) {
  const [reason, setReason] = useState('');
  const filled = reason.trim() !== '';
  useEffect(() => onFilled(filled), [onFilled, filled]);
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
          No job patches a paused host, even if its checks are healthy. Jobs for it wait, and fail when their
          window closes.
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
          helperText={fault ?? 'Shown to everyone who can see this host.'}
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
