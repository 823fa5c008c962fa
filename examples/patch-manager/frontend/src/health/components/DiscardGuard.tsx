import { useCallback, useState, type ReactNode } from 'react';
import { ConfirmDialog } from './ConfirmDialog';

/** How a dialog with a form is closed; see {@link useDiscardGuard}. */
export interface DiscardGuard {
  /** For the dialog's `onClose`: Escape and clicks beside it ask first where something was filled in. */
  onClose: () => void;
  /** Told by the form whether something in it would be lost. */
  setFilled: (filled: boolean) => void;
  /** The question; render it beside the dialog. */
  question: ReactNode;
}

/** Asks before a filled dialog is thrown away by a key or a click that was meant for something else. */
export function useDiscardGuard(close: () => void): DiscardGuard {
  const [filled, setFilled] = useState(false);
  const [asking, setAsking] = useState(false);
  const onClose = useCallback(() => {
    if (filled) setAsking(true);
    else close();
  }, [filled, close]);
  const question = (
    <ConfirmDialog
      open={asking}
      title="Discard your changes?"
      confirm="Discard"
      dismiss="Keep editing"
      color="error"
      onClose={() => setAsking(false)}
      onConfirm={() => {
        setAsking(false);
        setFilled(false);
        close();
      }}
    >
      What you entered is not saved.
    </ConfirmDialog>
  );
  return { onClose, setFilled, question };
}
