import { Alert, Button } from '@mui/material';
import { useState } from 'react';
import { useRouteError } from 'react-router';
import { Page } from './Page';

/**
 * What stands in the frame where a page broke, or could not be fetched. A browser keeps a failed module, so that
 * only a reload fetches it again; a reload while the server is away would lose the frame as well.
 */
export function Crash() {
  const error = useRouteError();
  const [waiting, setWaiting] = useState(false);
  const [tried, setTried] = useState(false);
  const retry = async () => {
    setWaiting(true);
    const answers = await isServerThere();
    if (answers) globalThis.location.reload();
    setTried(!answers);
    setWaiting(false);
  };
  return (
    <Page title="This page is not available">
      <Alert
        severity="error"
        role="alert"
        action={
          <Button color="inherit" size="small" loading={waiting} onClick={() => void retry()}>
            Try again
          </Button>
        }
      >
        {isUnfetched(error)
          ? 'The page could not be fetched from the server.'
          : 'The page failed. Reload it; if it fails again, tell your administrator what you did.'}
        {tried && ' The server still cannot be reached. Try again in a moment.'}
      </Alert>
    </Page>
  );
}

async function isServerThere(): Promise<boolean> {
  try {
    return (await globalThis.fetch(`${globalThis.location.origin}/healthz`, { cache: 'no-store' })).ok;
  } catch {
    return false;
  }
}

/** Whether a module or a style sheet could not be fetched; each browser has words of its own for it. */
export function isUnfetched(error: unknown): boolean {
  return (
    error instanceof Error &&
    /dynamically imported module|importing a module script|preload CSS|module script failed/i.test(
      error.message,
    )
  );
}
