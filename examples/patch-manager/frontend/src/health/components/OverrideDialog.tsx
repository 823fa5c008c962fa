import {
  Alert,
  Button,
  Checkbox,
  DialogActions,
  DialogContent,
  FormControl,
  FormControlLabel,
  FormGroup,
  FormHelperText,
  FormLabel,
  MenuItem,
  Stack,
  TextField,
  Typography,
} from '@mui/material';
import { useEffect, useState, type FormEvent } from 'react';
import { messageOf, ProblemError } from '../api/problem';
import type { Gate } from '../api/types';
import { useOverride } from '../hooks/useGates';
import { useNow } from '../hooks/useNow';
import { failing as failingIn, zoneOf } from '../model/gate';
import { reasonWords } from '../model/reasons';
import { formatBoth, toMillis, type Zone } from '../model/time';
import { reasonFault } from '../model/validation';
import { FormDialog } from './FormDialog';

/** Properties of {@link OverrideDialog}. */
export interface OverrideDialogProps {
  /** Whether it is shown. */
  open: boolean;
  /** The job and the gate that the override is for. */
  jobId: string;
  gate: Gate;
  /** The host's name, for the title. */
  hostName: string;
  /** The zone in which the expiry is shown; the window's own where absent. */
  timeZone?: Zone;
  onClose: () => void;
}

const MINUTES = [15, 30, 60, 120, 240];
const AT_CLOSE = 'close';

/** Lets named failing checks pass for one job and one host, with a reason and until an expiry. */
export function OverrideDialog(props: OverrideDialogProps) {
  const [filled, setFilled] = useState(false);
  return (
    <FormDialog
      open={props.open}
      filled={filled}
      title={`Override the gate of ${props.hostName}`}
      onClose={props.onClose}
    >
      <Form {...props} onFilled={setFilled} />
    </FormDialog>
  );
}

interface FormProps extends OverrideDialogProps {
  onFilled: (filled: boolean) => void;
}

function Form({ jobId, gate, timeZone = zoneOf(gate), onClose, onFilled }: FormProps) {
  const { give } = useOverride(jobId, gate.host_id);
  const now = useNow();
  const failing = failingIn(gate).filter((check) => check.check_id != null);
  const others = failingIn(gate).filter((check) => check.check_id == null);
  const [chosen, setChosen] = useState<readonly string[]>(
    failing.length === 1 && failing[0]?.check_id != null ? [failing[0].check_id] : [],
  );
  const [reason, setReason] = useState('');
  const [until, setUntil] = useState<string>(AT_CLOSE);
  const [submitted, setSubmitted] = useState(false);

  const filled = reason.trim() !== '';
  useEffect(() => onFilled(filled), [onFilled, filled]);

  const close = toMillis(gate.closes_at);
  const refused = new Map(
    give.error instanceof ProblemError ? give.error.fields.map((each) => [each.field, each.message]) : [],
  );
  const noCheck = submitted && chosen.length === 0 ? 'Choose at least one check.' : refused.get('check_ids');
  const badReason = reasonFault(reason, submitted) ?? refused.get('reason');
  const expiry = until === AT_CLOSE ? close : now + Number(until) * 60_000;

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setSubmitted(true);
    if (chosen.length === 0 || reasonFault(reason) !== undefined) return;
    give.mutate(
      {
        check_ids: [...chosen],
        reason: reason.trim(),
        expires_at: until === AT_CLOSE ? gate.closes_at : new Date(expiry).toISOString(),
      },
      { onSuccess: onClose },
    );
  };

  return (
    <form onSubmit={submit} noValidate>
      <DialogContent>
        <Stack spacing={2}>
          <Alert severity="warning">
            The patch may start while these checks fail. This is written to the audit log with your name.
          </Alert>
          <FormControl error={noCheck !== undefined} component="fieldset">
            <FormLabel component="legend">Checks that may fail</FormLabel>
            <FormGroup>
              {failing.map((check) => (
                <FormControlLabel
                  key={check.check_id}
                  control={
                    <Checkbox
                      checked={chosen.includes(check.check_id ?? '')}
                      onChange={(_, on) =>
                        setChosen((current) =>
                          on
                            ? [...current, check.check_id ?? '']
                            : current.filter((each) => each !== check.check_id),
                        )
                      }
                    />
                  }
                  label={
                    <Typography variant="body2" sx={{ overflowWrap: 'anywhere' }}>
                      <strong>{check.name}</strong>: {reasonWords(check.reason).title}
                    </Typography>
                  }
                />
              ))}
            </FormGroup>
            {noCheck !== undefined && <FormHelperText>{noCheck}</FormHelperText>}
            {others.map((check) => (
              <FormHelperText key={check.name}>
                “{check.name}” cannot be overridden here: it is a condition of the patch manager.
              </FormHelperText>
            ))}
          </FormControl>
          <TextField
            label="Reason"
            required
            multiline
            minRows={2}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            error={badReason !== undefined}
            helperText={
              badReason ?? `Why it is safe to continue. Recorded in the audit log. ${length} characters.`
            }
          />
          <TextField
            select
            label="Valid"
            value={until}
            onChange={(event) => setUntil(event.target.value)}
            error={refused.has('expires_at')}
            helperText={refused.get('expires_at') ?? `Until ${formatBoth(expiry, timeZone)}`}
          >
            {MINUTES.filter((minutes) => now + minutes * 60_000 < close).map((minutes) => (
              <MenuItem key={minutes} value={String(minutes)}>
                for{' '}
                {minutes < 60 ? `${minutes} minutes` : minutes === 60 ? '1 hour' : `${minutes / 60} hours`}
              </MenuItem>
            ))}
            <MenuItem value={AT_CLOSE}>until the window closes</MenuItem>
          </TextField>
          {give.isError && (
            <Alert severity="error" role="alert">
              {messageOf(give.error)}
            </Alert>
          )}
        </Stack>
      </DialogContent>
      <DialogActions>
        <Button onClick={onClose} disabled={give.isPending}>
          Cancel
        </Button>
        <Button type="submit" variant="contained" color="warning" loading={give.isPending}>
          Override and continue
        </Button>
      </DialogActions>
    </form>
  );
}
