import {
  Alert,
  Button,
  Dialog,
  DialogActions,
  DialogContent,
  DialogContentText,
  DialogTitle,
} from '@mui/material';
import { useId, type ReactNode } from 'react';
import { messageOf } from '../api/problem';

/** Properties of {@link ConfirmDialog}. */
export interface ConfirmDialogProps {
  open: boolean;
  /** The question, with the name of what it is about. */
  title: string;
  /** What will happen. */
  children: ReactNode;
  /** The word on the button that does it. */
  confirm: string;
  /** The word on the harmless button, where "Cancel" could be taken for the other one. */
  dismiss?: string;
  /** The button's colour; red for what cannot be undone. */
  color?: 'primary' | 'error' | 'warning';
  /** It is being done. */
  busy?: boolean;
  /** What went wrong when it was tried. */
  error?: unknown;
  /** Where the focus goes after it has closed, where what opened it is gone: its row was deleted. */
  returnFocus?: () => HTMLElement | null;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks before something that cannot be taken back. The focus stands on the harmless answer. */
export function ConfirmDialog({
  open,
  title,
  children,
  confirm,
  dismiss = 'Cancel',
  color = 'primary',
  busy = false,
  error,
  returnFocus,
  onConfirm,
  onClose,
}: ConfirmDialogProps) {
  const id = useId();
  return (
    // eslint-disable-next-line no-restricted-syntax -- nothing is entered here
    <Dialog
      open={open}
      onClose={busy ? undefined : onClose}
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-text`}
      fullWidth
      maxWidth="xs"
      slotProps={{
        transition: {
          onExited: () => {
            const focused = document.activeElement;
            const isLost = focused === document.body || focused?.closest('[role="dialog"]') != null;
            if (isLost) returnFocus?.()?.focus();
          },
        },
      }}
    >
      <DialogTitle id={`${id}-title`}>{title}</DialogTitle>
      <DialogContent>
        <DialogContentText component="div" id={`${id}-text`}>
          {children}
        </DialogContentText>
        {error != null && (
          <Alert severity="error" sx={{ mt: 2 }}>
            {messageOf(error)}
          </Alert>
        )}
      </DialogContent>
      <DialogActions>
        {/* eslint-disable-next-line jsx-a11y/no-autofocus -- a dialog moves the focus into itself */}
        <Button onClick={onClose} disabled={busy} autoFocus>
          {dismiss}
        </Button>
        <Button variant="contained" color={color} onClick={onConfirm} loading={busy}>
          {confirm}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
