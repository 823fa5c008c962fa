import { Dialog, DialogTitle, useMediaQuery, useTheme } from '@mui/material';
import { useId, useState, type ReactNode } from 'react';
import { ConfirmDialog } from './ConfirmDialog';

/** Properties of {@link FormDialog}. */
export interface FormDialogProps {
  open: boolean;
  title: ReactNode;
  /** A long form covers the whole screen of a phone, and a click outside does not close it. */
  long?: boolean;
  maxWidth?: 'xs' | 'sm';
  /** Closing would lose something that was entered. */
  filled: boolean;
  /** Its answer is awaited: nothing closes it. */
  busy?: boolean;
  onClose: () => void;
  children: ReactNode;
}

/** Shows a form, and asks before Escape or a click outside throws away what was entered. */
export function FormDialog({
  open,
  title,
  long = false,
  maxWidth = 'sm',
  filled,
  busy = false,
  onClose,
  children,
}: FormDialogProps) {
  const theme = useTheme();
  const phone = useMediaQuery(theme.breakpoints.down('sm'));
  const id = useId();
  const [asking, setAsking] = useState(false);
  return (
    // eslint-disable-next-line no-restricted-syntax -- this is the dialog that asks
    <Dialog
      open={open}
      onClose={(_, reason) => {
        if (busy || (long && reason === 'backdropClick')) return;
        if (filled) setAsking(true);
        else onClose();
      }}
      fullScreen={long && phone}
      fullWidth
      maxWidth={maxWidth}
      aria-labelledby={id}
    >
      <DialogTitle id={id} sx={{ overflowWrap: 'anywhere' }}>
        {title}
      </DialogTitle>
      {children}
      <ConfirmDialog
        open={asking}
        title="Discard your changes?"
        confirm="Discard"
        dismiss="Keep editing"
        color="error"
        onClose={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          onClose();
        }}
      >
        What you entered is not saved.
      </ConfirmDialog>
    </Dialog>
  );
}
