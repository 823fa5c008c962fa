import {
  Box,
  Skeleton,
  Stack,
  Table,
  TableBody,
  TableCell,
  TableContainer,
  TableHead,
  TableRow,
  Typography,
  useMediaQuery,
  useTheme,
} from '@mui/material';
import { lazy, Suspense } from 'react';
import type { HealthCheck, HistoryResult } from '../api/types';
import type { CheckHistory } from '../hooks/useHistory';
import { spanWords } from '../model/history';
import { reasonWords } from '../model/reasons';
import { formatInstant, formatLatency, formatShort } from '../model/time';
import { HealthHistoryStrip } from './HealthHistoryStrip';
import { HealthStatusIcon } from './HealthStatusIcon';
import { PartBoundary } from './PartBoundary';

const LatencyChart = lazy(() => import('./LatencyChart'));

/** Properties of {@link CheckDetails}. */
export interface CheckDetailsProps {
  check: HealthCheck;
  /** `undefined` while it is being asked for. */
  history: CheckHistory | undefined;
  /** How far back it goes, in milliseconds. */
  retention: number;
}

/** How many of the newest results are listed. */
const LISTED = 10;

/** What there is to know of one check: its settings, its past in large, and its newest results. */
export function CheckDetails({ check, history, retention }: CheckDetailsProps) {
  const results = history?.results;
  return (
    <Stack spacing={2.5} sx={{ pt: 1, pb: 2 }}>
      <Settings check={check} />
      <Box>
        <Heading>{`Last ${spanWords(retention)}`}</Heading>
        <HealthHistoryStrip
          results={results}
          cutOff={history?.cutOff ?? null}
          span={retention}
          columns={96}
          height={36}
          axis
        />
        {history !== undefined && history.cutOff !== null && history.older === null && (
          <Typography variant="caption" color="text.secondary">
            Only the newest {history.results.length.toLocaleString('en-GB')} results are shown: the check is
            run very often.
          </Typography>
        )}
      </Box>
      <Box>
        <Heading>Latency</Heading>
        {results === undefined ? (
          <Skeleton variant="rounded" height={180} />
        ) : results.length === 0 ? (
          <Typography variant="body2" color="text.secondary">
            Nothing to plot yet: the check has not run.
          </Typography>
        ) : (
          <PartBoundary what="The chart">
            <Suspense fallback={<Skeleton variant="rounded" height={180} />}>
              <LatencyChart results={results} />
            </Suspense>
          </PartBoundary>
        )}
      </Box>
      {results !== undefined && results.length > 0 && (
        <Newest check={check} results={results.slice(0, LISTED)} />
      )}
    </Stack>
  );
}

/** The newest results; on a phone the reason stands under the time, and what matters less is left out. */
function Newest({ check, results }: { check: HealthCheck; results: readonly HistoryResult[] }) {
  const theme = useTheme();
  const wide = useMediaQuery(theme.breakpoints.up('md'), { noSsr: true });
  return (
    <Box>
      <Heading>Newest results</Heading>
      <TableContainer>
        <Table size="small" aria-label={`Newest results of ${check.name}`}>
          <TableHead>
            <TableRow>
              <TableCell>Status</TableCell>
              <TableCell>When</TableCell>
              {wide && (
                <>
                  <TableCell align="right">Latency</TableCell>
                  <TableCell>Reason</TableCell>
                  <TableCell>Run by</TableCell>
                </>
              )}
            </TableRow>
          </TableHead>
          <TableBody>
            {results.map((result) => (
              <TableRow key={result.checked_at}>
                <TableCell sx={{ verticalAlign: 'top' }}>
                  <HealthStatusIcon status={result.healthy ? 'healthy' : 'unhealthy'} size={16} />
                </TableCell>
                <TableCell sx={{ whiteSpace: { md: 'nowrap' }, overflowWrap: 'anywhere' }}>
                  {formatInstant(result.checked_at)}
                  {!wide && (
                    <Typography variant="body2" color="text.secondary">
                      {resultWords(result)}
                    </Typography>
                  )}
                </TableCell>
                {wide && (
                  <>
                    <TableCell align="right" sx={{ whiteSpace: 'nowrap' }}>
                      {result.latency_ms == null ? '–' : formatLatency(result.latency_ms)}
                    </TableCell>
                    <TableCell sx={{ overflowWrap: 'anywhere', minWidth: 180 }}>
                      {resultWords(result)}
                    </TableCell>
                    <TableCell>{result.source === 'gate' ? 'gate' : 'poller'}</TableCell>
                  </>
                )}
              </TableRow>
            ))}
          </TableBody>
        </Table>
      </TableContainer>
    </Box>
  );
}

function resultWords(result: HistoryResult): string {
  if (result.healthy) return result.detail;
  const words = reasonWords(result.reason).title;
  return result.detail === '' ? words : `${words}: ${result.detail}`;
}

function Settings({ check }: { check: HealthCheck }) {
  const facts: [string, string][] =
    check.check_type === 'service'
      ? [
          ['Service', check.service_name ?? '–'],
          ['Asked on', check.target_host_id == null ? 'this host' : 'another host’s agent'],
        ]
      : [
          ['URL', check.url ?? '–'],
          ['Expected text', check.expected_body ? `“${check.expected_body}”` : 'none: status only'],
          ['Certificate errors', check.ignore_cert_errors ? 'ignored' : 'fail the check'],
          [
            'Basic auth',
            check.basic_auth_user == null
              ? 'none'
              : `${check.basic_auth_user}, ${check.has_basic_auth_pass ? 'password stored' : 'no password'}`,
          ],
        ];
  facts.push(['Changed', formatShort(check.updated_at)]);
  return (
    <Box
      component="dl"
      sx={{ display: 'flex', flexWrap: 'wrap', columnGap: 4, rowGap: 1, m: 0, overflowWrap: 'anywhere' }}
    >
      {facts.map(([term, value]) => (
        <Box key={term} sx={{ minWidth: 0 }}>
          <Typography component="dt" variant="caption" color="text.secondary">
            {term}
          </Typography>
          <Typography component="dd" variant="body2" sx={{ m: 0 }}>
            {value}
          </Typography>
        </Box>
      ))}
    </Box>
  );
}

function Heading({ children }: { children: string }) {
  return (
    <Typography variant="subtitle2" component="h4" sx={{ mb: 0.75 }}>
      {children}
    </Typography>
  );
}
