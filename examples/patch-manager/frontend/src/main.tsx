import createCache from '@emotion/cache';
import { CacheProvider } from '@emotion/react';
import '@fontsource-variable/inter/wght.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App';

async function start(): Promise<void> {
  if (import.meta.env.DEV && import.meta.env.VITE_MOCKS === '1') {
    const { startMocks } = await import('./mocks/browser');
    await startMocks();
  }
  // The content security policy lets only styles with this answer's nonce in.
  const nonce = document.querySelector('meta[name="csp-nonce"]')?.getAttribute('content') ?? '';
  const cache = createCache({ key: 'css', prepend: true, nonce });
  const root = document.getElementById('root');
  if (root === null) throw new Error('the page has no root element');
  createRoot(root).render(
    <StrictMode>
      <CacheProvider value={cache}>
        <App />
      </CacheProvider>
    </StrictMode>,
  );
}

void start();
