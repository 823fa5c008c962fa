import { ThemeProvider } from '@mui/material';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import type { ReactElement } from 'react';
import { MemoryRouter } from 'react-router';
import { makeTheme } from '../app/theme';
import { HealthgateProvider } from '../health';

const token = () => 'token-ada';

/** Renders what needs the providers around it; without `router`, the element brings one of its own. The event stream is off unless a test wants it. */
export function renderApp(element: ReactElement, { live = false, route = '/', router = true } = {}) {
  const queries = new QueryClient({
    defaultOptions: { queries: { retry: false }, mutations: { retry: false } },
  });
  return render(
    <ThemeProvider theme={makeTheme('light')}>
      <QueryClientProvider client={queries}>
        <HealthgateProvider token={token} live={live}>
          {router ? <MemoryRouter initialEntries={[route]}>{element}</MemoryRouter> : element}
        </HealthgateProvider>
      </QueryClientProvider>
    </ThemeProvider>,
  );
}
