import {
  Box,
  Button,
  Checkbox,
  Link,
  Paper,
  Stack,
  Table,
  TableBody,
  TableCell,
  TableContainer,
  TableHead,
  TableRow,
  Typography,
} from '@mui/material';
import { memo, useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import { Link as RouterLink } from 'react-router';
import type { JobHost } from '../../app/api/types';
import { ToneChip } from '../../app/StateChip';
import { shortId } from '../../app/words';
import { Countdown, count, visuallyHidden } from '../../health';
import { SearchField } from '../hosts/SearchField';
import { byUrgency, matches, overriddenOf, STATE_WORDS, stateOf, whyOf, type Filter } from './state';
import { useHeldOrder } from './useHeldOrder';

/** Properties of {@link JobTable}. */
export interface JobTableProps {
  hosts: readonly JobHost[];
  filter: Filter;
  onFilter: (part: Partial<Filter>) => void;
  /** The host whose row is open. */
  open: string | null;
  onOpen: (hostId: string | null) => void;
  /** What stands in an open row. */
  details: (host: JobHost) => ReactNode;
  /** With it, rows can be chosen; what can be done to them stands above the rows. */
  selection?: {
    chosen: ReadonlySet<string>;
    onChoose: (ids: ReadonlySet<string>) => void;
    /** The bar, given the hosts that the filter leaves. */
    bar: (shown: readonly JobHost[]) => ReactNode;
  };
}

const ROWS = 50;

/** A job's hosts, one line each; a line opens to everything that is known of its gate. */
export function JobTable({ hosts, filter, onFilter, open, onOpen, details, selection }: JobTableProps) {
  const [start, setStart] = useState(0);
  const asked = JSON.stringify(filter);
  const [askedBefore, setAskedBefore] = useState(asked);
  if (asked !== askedBefore) {
    setAskedBefore(asked);
    setStart(0);
  }
  const isShown = (host: JobHost) => matches(host, filter);
  const { rows, outdated, renew } = useHeldOrder(hosts, idOf, asked, isShown, byUrgency);
  const page = rows.slice(start, start + ROWS);
  // What is open stays, whatever is filtered.
  const chosen = hosts.find((host) => host.host_id === open);
  const visible = chosen === undefined || page.includes(chosen) ? page : [chosen, ...page];
  const chosenIds = selection?.chosen;
  const onChoose = selection?.onChoose;
  // The same function for all renders: a row is rendered again only where it has changed.
  const latest = useRef({ chosenIds, onChoose });
  useEffect(() => {
    latest.current = { chosenIds, onChoose };
  });
  const choose = useCallback((ids: readonly string[], on: boolean) => {
    const next = new Set(latest.current.chosenIds);
    for (const id of ids) {
      if (on) next.add(id);
      else next.delete(id);
    }
    latest.current.onChoose?.(next);
  }, []);
  const onPage = page.filter((host) => chosenIds?.has(host.host_id) === true).length;
  return (
    <Paper variant="outlined">
      <Stack
        direction="row"
        spacing={1}
        useFlexGap
        sx={{ px: 2, py: 1.25, alignItems: 'center', flexWrap: 'wrap' }}
      >
        <SearchField label="Search by name" value={filter.q} onChange={(q) => onFilter({ q })} />
        <Typography variant="body2" color="text.secondary" role="status" sx={{ flex: 1 }}>
          {rows.length === hosts.length
            ? count(rows.length, 'host')
            : `${rows.length.toLocaleString('en-GB')} of ${count(hosts.length, 'host')}`}
        </Typography>
        <Button
          size="small"
          onClick={() => {
            renew();
            setStart(0);
          }}
          sx={{ visibility: outdated ? 'visible' : 'hidden' }}
        >
          Update the order
        </Button>
      </Stack>
      {selection?.bar(rows.filter(isShown))}
      <TableContainer>
        <Table size="small" sx={{ tableLayout: 'fixed' }}>
          <caption style={visuallyHidden}>Hosts of this job</caption>
          <TableHead>
            <TableRow>
              {selection !== undefined && (
                <TableCell padding="checkbox">
                  <Checkbox
                    checked={page.length > 0 && onPage === page.length}
                    indeterminate={onPage > 0 && onPage < page.length}
                    onChange={(_, on) => choose(page.map(idOf), on)}
                    slotProps={{ input: { 'aria-label': 'Choose all hosts on this page' } }}
                  />
                </TableCell>
              )}
              <TableCell sx={{ width: { xs: '45%', md: 180 } }}>Host</TableCell>
              <TableCell sx={{ width: { xs: '55%', md: 220 } }}>State</TableCell>
              <TableCell sx={WIDE}>Why</TableCell>
              <TableCell sx={{ ...WIDE, width: 150 }}>Next attempt</TableCell>
            </TableRow>
          </TableHead>
          <TableBody>
            {visible.map((host) => (
              <HostRow
                key={host.host_id}
                host={host}
                open={host.host_id === open}
                onOpen={onOpen}
                chosen={chosenIds?.has(host.host_id) ?? null}
                onChoose={choose}
              >
                {host.host_id === open && details(host)}
              </HostRow>
            ))}
          </TableBody>
        </Table>
      </TableContainer>
      {rows.length === 0 && (
        <Typography color="text.secondary" sx={{ px: 2, py: 3 }}>
          No host of this job matches.
        </Typography>
      )}
      {rows.length > ROWS && (
        <Stack
          direction="row"
          spacing={1}
          sx={{ px: 2, py: 0.75, alignItems: 'center', justifyContent: 'flex-end' }}
        >
          <Typography variant="body2" color="text.secondary" sx={{ flex: 1 }}>
            {start + 1}–{Math.min(start + ROWS, rows.length)} of {rows.length.toLocaleString('en-GB')}
          </Typography>
          <Button size="small" disabled={start === 0} onClick={() => setStart(start - ROWS)}>
            Previous
          </Button>
          <Button size="small" disabled={start + ROWS >= rows.length} onClick={() => setStart(start + ROWS)}>
            Next
          </Button>
        </Stack>
      )}
    </Paper>
  );
}

const WIDE = { display: { xs: 'none', md: 'table-cell' } } as const;

function idOf(host: JobHost): string {
  return host.host_id;
}

interface HostRowProps {
  host: JobHost;
  open: boolean;
  onOpen: (hostId: string | null) => void;
  /** `null` where rows cannot be chosen. */
  chosen: boolean | null;
  onChoose: (ids: readonly string[], on: boolean) => void;
  children: ReactNode;
}

const HostRow = memo(function HostRow({ host, open, onOpen, chosen, onChoose, children }: HostRowProps) {
  const { word, tone } = STATE_WORDS[stateOf(host)];
  const next = host.gate?.state === 'waiting' ? host.gate.next_attempt_at : null;
  const { overridden, held } = overriddenOf(host);
  return (
    <>
      <TableRow
        hover
        selected={open || chosen === true}
        data-row={host.host_name}
        // The button in it does the same for the keyboard.
        onClick={() => onOpen(open ? null : host.host_id)}
        sx={{ cursor: 'pointer', height: 41 }}
      >
        {chosen !== null && (
          <TableCell padding="checkbox" onClick={(event) => event.stopPropagation()}>
            <Checkbox
              checked={chosen}
              onChange={(_, on) => onChoose([host.host_id], on)}
              slotProps={{ input: { 'aria-label': `Choose ${host.host_name}` } }}
            />
          </TableCell>
        )}
        <TableCell component="th" scope="row">
          <Link
            component="button"
            type="button"
            aria-expanded={open}
            sx={{ fontWeight: 600, maxWidth: '100%', ...ONE_LINE, display: 'block', textAlign: 'left' }}
          >
            {host.host_name}
          </Link>
        </TableCell>
        <TableCell>
          <ToneChip word={word} tone={tone} />
        </TableCell>
        <TableCell sx={{ ...WIDE, ...ONE_LINE }} title={whyOf(host)}>
          {host.blocked_by != null && (
            <>
              <Link
                component={RouterLink}
                to={`/jobs/${host.blocked_by}`}
                onClick={(event) => event.stopPropagation()}
              >
                Job {shortId(host.blocked_by)}
              </Link>{' '}
              holds this host.{' '}
            </>
          )}
          {host.blocked_by == null && whyOf(host)}
          {overridden > 0 && held > 0 && ` · ${overridden} overridden`}
        </TableCell>
        <TableCell sx={WIDE}>{next != null && <Countdown instant={next} over="any moment" />}</TableCell>
      </TableRow>
      {open && (
        <TableRow>
          <TableCell colSpan={chosen === null ? 4 : 5} sx={{ p: 0 }}>
            <Box sx={{ bgcolor: 'background.paper' }}>{children}</Box>
          </TableCell>
        </TableRow>
      )}
    </>
  );
});

const ONE_LINE = { overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' } as const;
