import { Alert, Button, DialogActions, DialogContent, DialogContentText, TextField } from '@mui/material';
import { useEffect, useState, type FormEvent } from 'react';
import { useResumeJob } from '../../app/api/hooks';
import { shortId } from '../../app/words';
import { FormDialog, messageOf, ProblemError, reasonFault } from '../../health';

/** Properties of {@link ResumeDialog}. */
export interface ResumeDialogProps {
  jobId: string;
  open: boolean;
  onClose: () => void;
}

/** Lets a halted rollout go on, for a reason that is audited. */
export function ResumeDialog({ jobId, open, onClose }: ResumeDialogProps) {
  const [filled, setFilled] = useState(false);
  return (
    <FormDialog
      open={open}
      filled={filled}
      title={`Resume job ${shortId(jobId)}`}
      maxWidth="xs"
      onClose={onClose}
    >
      <Form jobId={jobId} onClose={onClose} onFilled={setFilled} />
    </FormDialog>
  );
}

interface FormProps extends Omit<ResumeDialogProps, 'open'> {
  onFilled: (filled: boolean) => void;
}

function Form({ jobId, onClose, onFilled }: FormProps) {
  const resume = useResumeJob(jobId);
  const [reason, setReason] = useState('');
  const [submitted, setSubmitted] = useState(false);
  const filled = reason.trim() !== '';
  useEffect(() => onFilled(filled), [onFilled, filled]);
  const refused =
    resume.error instanceof ProblemError
      ? resume.error.fields.find((each) => each.field === 'reason')?.message
      : undefined;
  const fault = reasonFault(reason, submitted) ?? refused;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setSubmitted(true);
    if (reasonFault(reason) !== undefined) return;
    resume.mutate(reason.trim(), { onSuccess: onClose });
  };
  return (
    <form onSubmit={submit} noValidate>
      <DialogContent>
        <DialogContentText sx={{ mb: 2 }}>
          The hosts that failed so far no longer count, and the next ones are patched. This is written to the
          audit log with your name.
        </DialogContentText>
        <TextField
          label="Reason"
          required
          fullWidth
          multiline
          minRows={2}
          value={reason}
          onChange={(event) => {
            setReason(event.target.value);
            if (resume.isError) resume.reset();
          }}
          error={fault !== undefined}
          helperText={fault ?? 'Why it is safe to continue.'}
        />
        {resume.isError && (
          <Alert severity="error" role="alert" sx={{ mt: 2 }}>
            {messageOf(resume.error)}
          </Alert>
        )}
      </DialogContent>
      <DialogActions>
        <Button onClick={onClose} disabled={resume.isPending}>
          Cancel
        </Button>
        <Button type="submit" variant="contained" color="warning" loading={resume.isPending}>
          Resume
        </Button>
      </DialogActions>
    </form>
  );
}
