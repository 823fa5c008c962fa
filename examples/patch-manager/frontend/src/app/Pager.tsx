import { Button, Stack, Typography } from '@mui/material';
import { useState } from 'react';

/** Properties of {@link Pager}. */
export interface PagerProps {
  onPrevious: (() => void) | null;
  onNext: (() => void) | null;
  /** What this page holds. */
  words: string;
}

/** A way through a list whose pages are known by cursors only: on, and back the way one came. */
export function Pager({ onPrevious, onNext, words }: PagerProps) {
  return (
    <Stack
      direction="row"
      spacing={1}
      sx={{
        alignItems: 'center',
        justifyContent: 'flex-end',
        px: 2,
        py: 0.75,
        borderTop: 1,
        borderColor: 'divider',
      }}
    >
      <Typography variant="body2" color="text.secondary" sx={{ flex: 1 }}>
        {words}
      </Typography>
      {(onPrevious !== null || onNext !== null) && (
        <>
          <Button size="small" disabled={onPrevious === null} onClick={() => onPrevious?.()}>
            Previous
          </Button>
          <Button size="small" disabled={onNext === null} onClick={() => onNext?.()}>
            Next
          </Button>
        </>
      )}
    </Stack>
  );
}

/** The cursor of the page one is on, and the way one came. */
export function useCursor() {
  const [trail, setTrail] = useState<readonly (string | undefined)[]>([undefined]);
  return {
    cursor: trail.at(-1),
    /** Back to the first page, as when the filter has changed. */
    reset: () => setTrail([undefined]),
    /** The pager's properties, given what comes after this page. */
    pager: (next: string | null) => ({
      onPrevious: trail.length > 1 ? () => setTrail(trail.slice(0, -1)) : null,
      onNext: next === null ? null : () => setTrail([...trail, next]),
    }),
  };
}
