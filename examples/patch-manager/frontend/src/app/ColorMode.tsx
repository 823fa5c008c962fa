import { CssBaseline, ThemeProvider, useMediaQuery, type PaletteMode } from '@mui/material';
import { createContext, useContext, useMemo, useState, type ReactNode } from 'react';
import { makeTheme } from './theme';

const KEY = 'patch-manager-mode';

interface ColorModeValue {
  mode: PaletteMode;
  toggle: () => void;
}

const ColorModeContext = createContext<ColorModeValue>({ mode: 'light', toggle: () => undefined });

/** Light or dark, and how to change it. */
export function useColorMode(): ColorModeValue {
  return useContext(ColorModeContext);
}

/** The theme around the whole: as the system has it, until somebody chooses. */
export function ColorMode({ children }: { children: ReactNode }) {
  const prefersDark = useMediaQuery('(prefers-color-scheme: dark)', { noSsr: true });
  const [chosen, setChosen] = useState<string | null>(() => localStorage.getItem(KEY));
  const mode: PaletteMode = chosen === 'light' || chosen === 'dark' ? chosen : prefersDark ? 'dark' : 'light';
  const theme = useMemo(() => makeTheme(mode), [mode]);
  const value = useMemo<ColorModeValue>(
    () => ({
      mode,
      toggle: () => {
        const next = mode === 'light' ? 'dark' : 'light';
        localStorage.setItem(KEY, next);
        setChosen(next);
      },
    }),
    [mode],
  );
  return (
    <ColorModeContext.Provider value={value}>
      <ThemeProvider theme={theme}>
        <CssBaseline enableColorScheme />
        {children}
      </ThemeProvider>
    </ColorModeContext.Provider>
  );
}
