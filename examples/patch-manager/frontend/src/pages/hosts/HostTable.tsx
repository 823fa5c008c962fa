import {
  Box,
  Checkbox,
  Chip,
  Link,
  Table,
  TableBody,
  TableCell,
  TableContainer,
  TableHead,
  TableRow,
  TableSortLabel,
  Tooltip,
  Typography,
} from '@mui/material';
import type { MouseEvent } from 'react';
import { Link as RouterLink } from 'react-router';
import { AllCheckbox } from '../../app/AllCheckbox';
import type { Host } from '../../app/api/types';
import { PauseIcon } from '../../app/icons';
import { groupWords } from '../../app/words';
import {
  formatRange,
  formatShort,
  HostHealthIndicator,
  reasonWords,
  RelativeTime,
  toMillis,
  UTC,
  useNow,
  visuallyHidden,
  zoneOf,
} from '../../health';

/** Properties of {@link HostTable}. */
export interface HostTableProps {
  hosts: readonly Host[];
  sort: 'name' | 'status';
  onSort: (by: 'name' | 'status') => void;
  /** What is shown is about to be replaced. */
  dimmed?: boolean;
  /** With it, rows can be chosen. */
  selection?: {
    chosen: ReadonlySet<string>;
    toggle: (hosts: readonly Host[], on: boolean) => void;
  };
}

/** Hosts as a table; on a phone, the less important columns are left out. */
export function HostTable({ hosts, sort, onSort, dimmed = false, selection }: HostTableProps) {
  const all = selection !== undefined && hosts.every((host) => selection.chosen.has(host.id));
  const some = selection !== undefined && hosts.some((host) => selection.chosen.has(host.id));
  const small = { display: { xs: 'none', md: 'table-cell' } };
  return (
    <TableContainer sx={{ opacity: dimmed ? 0.55 : 1, transition: 'opacity 120ms' }} aria-busy={dimmed}>
      <Table size="small">
        <caption style={visuallyHidden}>Hosts</caption>
        <TableHead>
          <TableRow>
            {selection !== undefined && (
              <TableCell padding="checkbox">
                <AllCheckbox
                  label="Choose all hosts on this page"
                  all={all}
                  some={some}
                  onChange={(on) => selection.toggle(hosts, on)}
                />
              </TableCell>
            )}
            <TableCell {...(sort === 'name' && { 'aria-sort': 'ascending' })}>
              <TableSortLabel active={sort === 'name'} onClick={() => onSort('name')}>
                Host
              </TableSortLabel>
            </TableCell>
            <TableCell {...(sort === 'status' && { 'aria-sort': 'ascending' })}>
              <TableSortLabel active={sort === 'status'} onClick={() => onSort('status')}>
                Checks
              </TableSortLabel>
            </TableCell>
            <TableCell sx={small}>Oldest result</TableCell>
            <TableCell sx={small}>Groups</TableCell>
            <TableCell sx={{ display: { xs: 'none', sm: 'table-cell' } }}>Maintenance window</TableCell>
          </TableRow>
        </TableHead>
        <TableBody>
          {hosts.map((host) => (
            <TableRow
              key={host.id}
              hover
              selected={selection?.chosen.has(host.id) ?? false}
              {...(selection !== undefined && {
                // The check box does the same for the keyboard.
                onClick: (event: MouseEvent) => {
                  if (event.target instanceof Element && event.target.closest('a, input') === null) {
                    selection.toggle([host], !selection.chosen.has(host.id));
                  }
                },
                sx: { cursor: 'pointer' },
              })}
            >
              {selection !== undefined && (
                <TableCell padding="checkbox">
                  <Checkbox
                    checked={selection.chosen.has(host.id)}
                    onChange={(_, on) => selection.toggle([host], on)}
                    slotProps={{ input: { 'aria-label': `Choose ${host.name}` } }}
                  />
                </TableCell>
              )}
              <TableCell component="th" scope="row" sx={{ overflowWrap: 'anywhere' }}>
                <Link component={RouterLink} to={`/hosts/${host.id}`} sx={{ fontWeight: 600 }}>
                  {host.name}
                </Link>
                {host.paused != null && (
                  <Chip
                    icon={<PauseIcon />}
                    label="Paused"
                    title={host.paused.reason}
                    variant="outlined"
                    color="warning"
                    sx={{ ml: 1, height: 20 }}
                  />
                )}
                <Typography variant="caption" color="text.secondary" component="div">
                  {host.address}
                </Typography>
              </TableCell>
              <TableCell>
                <HostHealthIndicator health={host.health} />
                <FailingWords host={host} />
              </TableCell>
              <TableCell sx={small}>
                {host.health.oldest_checked_at == null ? (
                  <Muted>{host.health.total === 0 ? '–' : 'never ran'}</Muted>
                ) : (
                  <RelativeTime instant={host.health.oldest_checked_at} />
                )}
              </TableCell>
              <TableCell sx={small}>
                {host.groups.length === 0 ? <Muted>none</Muted> : groupWords(host)}
              </TableCell>
              <TableCell sx={{ display: { xs: 'none', sm: 'table-cell' } }}>
                <WindowWords host={host} />
              </TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </TableContainer>
  );
}

/** What fails and why, on one line that is as high as without it: rows do not move when a check turns. */
function FailingWords({ host }: { host: Host }) {
  const [first] = host.failing;
  if (first === undefined)
    return (
      <Typography variant="caption" component="div">
        {'\u00a0'}
      </Typography>
    );
  const words = host.failing.map((check) => `${check.name}: ${failureWords(check.reason)}`);
  return (
    <Typography
      variant="caption"
      component="div"
      color="text.secondary"
      title={words.join('\n')}
      sx={{
        maxWidth: { xs: 'calc(100vw - 210px)', sm: 340 },
        overflow: 'hidden',
        textOverflow: 'ellipsis',
        whiteSpace: 'nowrap',
      }}
    >
      {words[0]}
      {host.failing.length > 1 && ` · ${host.failing.length - 1} more`}
    </Typography>
  );
}

/** What a reason says, of those that the list knows. */
export function failureWords(reason: string): string {
  return reason === 'no_recent_result' ? 'No recent result' : reasonWords(reason).title;
}

/** A host's window: open until when, or opening when, in the window's zone. */
export function WindowWords({ host }: { host: Host }) {
  const now = useNow();
  const window = host.maintenance_window;
  if (window == null) return <Muted>none</Muted>;
  const open = toMillis(window.opens_at) <= now && now < toMillis(window.closes_at);
  const zone = zoneOf(window);
  return (
    <Tooltip title={formatRange(window.opens_at, window.closes_at, UTC)} describeChild>
      <Box component="span" sx={{ whiteSpace: 'nowrap' }}>
        {open ? (
          <>
            <Box component="strong" sx={{ color: 'success.main' }}>
              Open
            </Box>{' '}
            until {formatShort(window.closes_at, zone)}
          </>
        ) : (
          <>opens {formatShort(window.opens_at, zone)}</>
        )}
      </Box>
    </Tooltip>
  );
}

function Muted({ children }: { children: string }) {
  return (
    <Typography component="span" variant="inherit" color="text.secondary">
      {children}
    </Typography>
  );
}
