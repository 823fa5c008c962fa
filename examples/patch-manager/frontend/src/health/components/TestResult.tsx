import { Alert, Box, Button, LinearProgress, Stack, Typography } from '@mui/material';
import { useEffect, useState } from 'react';
import { messageOf } from '../api/problem';
import type { CheckResult } from '../api/types';
import { formatLatency } from '../model/time';
import { RelativeTime } from './RelativeTime';
import { ResultText } from './ResultText';

/** Properties of {@link TestResult}. */
export interface TestResultProps {
  /** A run is under way. */
  running: boolean;
  /** What the last run found. */
  result?: CheckResult | undefined;
  /** Why there was no run. */
  error?: unknown;
  /** The longest that a run takes, in seconds. */
  timeout?: number;
  /** Stops waiting. */
  onCancel?: () => void;
}

/** A test under way, and what it found. */
export function TestResult({ running, result, error, timeout = 10, onCancel }: TestResultProps) {
  if (running) return <Progress timeout={timeout} onCancel={onCancel} />;
  if (error != null) {
    return (
      <Alert severity="error" role="alert">
        The test could not be run. {messageOf(error)}
      </Alert>
    );
  }
  if (result === undefined) return null;
  const latency = result.latency_ms == null ? '' : ` in ${formatLatency(result.latency_ms)}`;
  return (
    <Alert severity={result.healthy ? 'success' : 'error'} role="status" data-testid="test-result">
      <Typography variant="body2" sx={{ fontWeight: 600 }}>
        {result.healthy ? `Test passed${latency}` : `Test failed${latency}`},{' '}
        <RelativeTime instant={result.checked_at} />
      </Typography>
      {result.healthy ? (
        result.detail !== '' && (
          <Typography variant="body2" sx={{ overflowWrap: 'anywhere' }}>
            {result.detail}
          </Typography>
        )
      ) : (
        <ResultText {...result} advice />
      )}
      <Typography variant="caption" color="text.secondary">
        A test is not written to the history and opens no gate.
      </Typography>
    </Alert>
  );
}

function Progress({ timeout, onCancel }: { timeout: number; onCancel: (() => void) | undefined }) {
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    const started = performance.now();
    const timer = setInterval(() => setSeconds((performance.now() - started) / 1_000), 200);
    return () => clearInterval(timer);
  }, []);
  return (
    <Box role="status" aria-label="Testing">
      <Stack direction="row" sx={{ alignItems: 'center', justifyContent: 'space-between' }}>
        <Typography variant="body2" color="text.secondary" sx={{ fontVariantNumeric: 'tabular-nums' }}>
          <span aria-hidden="true">
            Testing… {Math.floor(seconds)} s of at most {timeout} s
          </span>
        </Typography>
        {onCancel !== undefined && (
          <Button size="small" onClick={onCancel}>
            Stop waiting
          </Button>
        )}
      </Stack>
      <LinearProgress
        variant="determinate"
        value={Math.min(100, (seconds / timeout) * 100)}
        aria-label="Test progress"
      />
    </Box>
  );
}
