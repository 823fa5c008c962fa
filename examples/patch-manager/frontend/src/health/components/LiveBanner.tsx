import { Alert, Button, Collapse } from '@mui/material';
import { useEventStream, useLiveState } from '../hooks/context';
import { useNow } from '../hooks/useNow';
import { formatDuration } from '../model/time';

/** Says so where what is on the screen no longer follows the server, and goes when it does again. */
export function LiveBanner() {
  const events = useEventStream();
  const offline = useLiveState() === 'offline';
  return (
    <div role="status" aria-live="polite">
      <Collapse in={offline} unmountOnExit>
        <Alert
          severity="warning"
          variant="filled"
          square
          action={
            <Button color="inherit" size="small" onClick={events.retryNow}>
              Try now
            </Button>
          }
          sx={{ py: 0 }}
        >
          Not live: the connection to the server is lost. This page may be out of date
          <span aria-hidden="true">
            {' '}
            (<Lasting since={events.since} />)
          </span>
          . Reconnecting automatically.
        </Alert>
      </Collapse>
    </div>
  );
}

function Lasting({ since }: { since: number }) {
  // Renders again each second; the state's own clock is the browser's.
  useNow();
  // eslint-disable-next-line react-hooks/purity -- the age of a state is what this shows
  return <>for {formatDuration(Date.now() - since)}</>;
}
