import type { Theme } from '@mui/material';

/** The palette's colours, as CSS variables where the theme uses them. */
export function paletteOf(theme: Theme): Theme['palette'] {
  // A theme without CSS variables has no `vars`, whatever its type says.
  const variables = (theme as { vars?: { palette: Theme['palette'] } }).vars;
  return variables?.palette ?? theme.palette;
}
