import { createTheme, type PaletteMode, type Theme } from '@mui/material';

const light = {
  primary: { main: '#2457c5' },
  success: { main: '#187a45' },
  error: { main: '#c4292f' },
  warning: { main: '#8f5600' },
  info: { main: '#0b6a8f' },
  background: { default: '#f5f6f8', paper: '#ffffff' },
  text: { primary: '#1a2027', secondary: '#56606b', disabled: '#8a94a0' },
  divider: '#dfe3e8',
};

// `dark` is what a button has under the pointer; the one that MUI derives is too dark for the text on it.
const dark = {
  primary: { main: '#8ab0ff', dark: '#759be6', contrastText: '#0b1220' },
  success: { main: '#4cc38a', dark: '#40ad79', contrastText: '#06130c' },
  error: { main: '#ff8a85', dark: '#e67872', contrastText: '#1c0706' },
  warning: { main: '#e6b04f', dark: '#cf9b40', contrastText: '#171003' },
  info: { main: '#6fc3e8', dark: '#5fb1d6', contrastText: '#06131a' },
  background: { default: '#0f1318', paper: '#171c23' },
  text: { primary: '#e6eaef', secondary: '#a3adb9', disabled: '#6f7a87' },
  divider: '#2a323c',
};

/** The look of the whole: calm, dense, and readable in both modes (contrast is held by a test). */
export function makeTheme(mode: PaletteMode): Theme {
  return createTheme({
    palette: { mode, ...(mode === 'light' ? light : dark) },
    shape: { borderRadius: 8 },
    typography: {
      fontFamily: '"Inter Variable", system-ui, sans-serif',
      fontSize: 13.5,
      h5: { fontSize: '1.35rem', fontWeight: 650, letterSpacing: '-0.012em' },
      h6: { fontSize: '1.02rem', fontWeight: 620, letterSpacing: '-0.006em' },
      body1: { fontSize: '0.925rem' },
      body2: { fontSize: '0.85rem' },
      button: { textTransform: 'none', fontWeight: 600 },
      subtitle2: { fontWeight: 620 },
    },
    components: {
      MuiCssBaseline: {
        styleOverrides: {
          body: { scrollbarGutter: 'stable' },
          // What has the focus must not lie under the header, nor under a line of buttons at the bottom.
          html: {
            scrollPaddingTop: 64,
            scrollPaddingBottom: 72,
            '@media (max-width: 899.95px)': { scrollPaddingBottom: 136 },
          },
          ':focus-visible': { outlineOffset: 2 },
          '@media (prefers-reduced-motion: reduce)': {
            // Not a short duration: that would make every change of every element a transition, a frame late.
            '*, ::before, ::after': { animationDuration: '0.01ms !important', transition: 'none !important' },
          },
        },
      },
      // A shade or a ripple alone is hard to see: sort headers, chips and icons have it as their only sign.
      MuiButtonBase: {
        styleOverrides: {
          root: ({ theme }) => ({
            '&.Mui-focusVisible': { outline: `2px solid ${theme.palette.primary.main}`, outlineOffset: 2 },
          }),
        },
      },
      MuiButton: { defaultProps: { disableElevation: true } },
      MuiTextField: { defaultProps: { size: 'small' } },
      MuiFormControl: { defaultProps: { size: 'small' } },
      MuiAutocomplete: { defaultProps: { size: 'small' } },
      MuiCheckbox: { defaultProps: { size: 'small' } },
      MuiSwitch: {
        defaultProps: { size: 'small' },
        // White on white has no edge: an off switch would seem to have no thumb.
        styleOverrides: { root: { marginRight: 4 }, thumb: { border: '1px solid rgba(0, 0, 0, 0.22)' } },
      },
      MuiIconButton: { styleOverrides: { sizeSmall: { padding: 6 } } },
      MuiSvgIcon: { styleOverrides: { root: { fontSize: '1.25rem' } } },
      MuiPaper: { styleOverrides: { root: { backgroundImage: 'none' } } },
      MuiDialogTitle: { styleOverrides: { root: { fontSize: '1.1rem', fontWeight: 640, paddingBottom: 8 } } },
      // The same distance whether or not a form stands between title and content.
      MuiDialogContent: { styleOverrides: { root: { paddingTop: '8px !important' } } },
      MuiDialogActions: { styleOverrides: { root: { padding: '12px 24px 20px' } } },
      MuiTableCell: {
        styleOverrides: {
          root: { fontSize: '0.85rem' },
          head: ({ theme }) => ({
            fontWeight: 600,
            color: theme.palette.text.secondary,
            backgroundColor: theme.palette.background.paper,
          }),
        },
      },
      MuiTooltip: {
        defaultProps: { arrow: true, enterDelay: 300 },
        styleOverrides: { tooltip: { fontSize: '0.78rem', maxWidth: 360 } },
      },
      MuiAlert: {
        styleOverrides: { root: { fontSize: '0.85rem' }, message: { minWidth: 0, flex: 1 } },
      },
      MuiAlertTitle: { styleOverrides: { root: { fontSize: '0.88rem', fontWeight: 620, marginBottom: 2 } } },
      MuiFormControlLabel: {
        styleOverrides: {
          // A switch has less air around it than a check box, for which the default is made.
          root: { '&:has(.MuiSwitch-root)': { marginLeft: -4 } },
          label: { fontSize: '0.875rem', lineHeight: 1.35, paddingBlock: 4 },
        },
      },
      MuiFormGroup: { styleOverrides: { root: { rowGap: 2 } } },
      MuiChip: { defaultProps: { size: 'small' } },
      MuiTab: { styleOverrides: { root: { minHeight: 40 } } },
      MuiLink: { defaultProps: { underline: 'hover' } },
    },
  });
}
