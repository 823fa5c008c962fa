import { Checkbox } from '@mui/material';

/** Properties of {@link AllCheckbox}. */
export interface AllCheckboxProps {
  label: string;
  all: boolean;
  some: boolean;
  onChange: (on: boolean) => void;
}

/** A check box for all of many, which is mixed where only some are chosen. */
export function AllCheckbox({ label, all, some, onChange }: AllCheckboxProps) {
  const mixed = some && !all;
  return (
    <Checkbox
      checked={all}
      indeterminate={mixed}
      onChange={(_, on) => onChange(on)}
      slotProps={{
        input: {
          'aria-label': label,
          // The state of the native box says it; an attribute beside it may say something else (ARIA in HTML).
          'aria-checked': undefined,
          ref: (input: HTMLInputElement | null) => {
            if (input !== null) input.indeterminate = mixed;
          },
        },
      }}
    />
  );
}
