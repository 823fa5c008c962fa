import { Alert, Box, Button, Chip, MenuItem, TextField } from '@mui/material';
import { useState } from 'react';
import { allHosts, useHosts, useHostTotals } from '../../app/api/hooks';
import type { Host } from '../../app/api/types';
import { Empty, LoadError, Waiting } from '../../app/Page';
import { Pager, useCursor } from '../../app/Pager';
import { count, HealthStatusIcon, STATUS_WORDS, type HostStatus } from '../../health';
import { HostTable } from '../hosts/HostTable';
import { SearchField } from '../hosts/SearchField';

/** Properties of {@link ChooseHosts}. */
export interface ChooseHostsProps {
  /** The chosen hosts by id; they stay chosen while one pages and filters. */
  chosen: ReadonlyMap<string, Host>;
  onChange: (chosen: ReadonlyMap<string, Host>) => void;
}

const STATUSES: readonly HostStatus[] = ['unhealthy', 'unknown', 'healthy', 'none'];
/** The most hosts of one job. */
const MOST = 10_000;
const ROWS = 25;

/** The first step: hosts with their indicator and window, to be ticked. */
export function ChooseHosts({ chosen, onChange }: ChooseHostsProps) {
  const [q, setQ] = useState('');
  const [status, setStatus] = useState<HostStatus | ''>('');
  const [sort, setSort] = useState<'name' | 'status'>('name');
  const [group, setGroup] = useState('');
  const { cursor, pager, reset } = useCursor();
  const choice = { q, status, group };
  const totals = useHostTotals(choice).data;
  const groups = totals?.groups.map((each) => each.group) ?? [];
  const hosts = useHosts({ ...choice, sort, cursor, limit: ROWS });
  const page = hosts.data?.hosts;
  const [choosing, setChoosing] = useState(false);
  const [fault, setFault] = useState<unknown>(null);
  const chooseAll = async () => {
    setChoosing(true);
    setFault(null);
    try {
      toggle(await allHosts(choice, MOST), true);
    } catch (error) {
      setFault(error);
    } finally {
      setChoosing(false);
    }
  };
  const toggle = (some: readonly Host[], on: boolean) => {
    const next = new Map(chosen);
    for (const host of some) {
      if (!on) next.delete(host.id);
      else if (next.size < MOST) next.set(host.id, host);
    }
    onChange(next);
  };
  return (
    <>
      <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, p: 1.5, px: 2, alignItems: 'center' }}>
        <SearchField
          label="Search by name or address"
          value={q}
          onChange={(text) => {
            reset();
            setQ(text);
          }}
        />
        <Box role="group" aria-label="Filter by health" sx={{ display: 'flex', flexWrap: 'wrap', gap: 0.75 }}>
          {STATUSES.map((each) => (
            <Chip
              key={each}
              size="medium"
              clickable
              variant={status === each ? 'filled' : 'outlined'}
              aria-pressed={status === each}
              onClick={() => {
                reset();
                setStatus(status === each ? '' : each);
              }}
              label={<HealthStatusIcon status={each} label={STATUS_WORDS[each]} size={16} />}
            />
          ))}
        </Box>
        <TextField
          select
          label="Group"
          value={group}
          onChange={(event) => {
            reset();
            setGroup(event.target.value);
          }}
          slotProps={{
            select: { displayEmpty: true },
            inputLabel: { shrink: true },
          }}
          sx={{ minWidth: 150 }}
        >
          <MenuItem value="">All groups</MenuItem>
          {groups.map((each) => (
            <MenuItem key={each} value={each}>
              {each}
            </MenuItem>
          ))}
        </TextField>
        <Button variant="outlined" loading={choosing} onClick={() => void chooseAll()}>
          {q === '' && status === '' && group === '' ? 'Select all hosts' : 'Select all that match'}
        </Button>
      </Box>
      {fault !== null && (
        <Box sx={{ px: 2, pb: 1.5 }}>
          <LoadError what="The hosts" error={fault} onRetry={() => void chooseAll()} />
        </Box>
      )}
      {chosen.size >= MOST && (
        <Alert severity="info" sx={{ mx: 2, mb: 1.5 }}>
          A job has at most {count(MOST, 'host')}.
        </Alert>
      )}
      {hosts.isError && (
        <Box sx={{ px: 2, pb: 1.5 }}>
          <LoadError what="The hosts" error={hosts.error} onRetry={() => void hosts.refetch()} />
        </Box>
      )}
      {hosts.isPending && <Waiting label="Loading the hosts" />}
      {page?.length === 0 && <Empty title="No host matches" />}
      {page !== undefined && page.length > 0 && (
        <HostTable
          hosts={page}
          sort={sort}
          onSort={(by) => {
            reset();
            setSort(by);
          }}
          dimmed={hosts.isPlaceholderData}
          selection={{ chosen: new Set(chosen.keys()), toggle }}
        />
      )}
      {page !== undefined && (
        <Pager
          {...pager(hosts.data?.next_cursor ?? null)}
          words={
            group === ''
              ? `${count(page.length, 'host')} on this page`
              : `${count(page.length, 'host')} of ${totals?.total ?? page.length} on this page`
          }
        />
      )}
    </>
  );
}
