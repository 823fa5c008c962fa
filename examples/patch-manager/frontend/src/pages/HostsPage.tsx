import { Box, Chip, MenuItem, Paper, TextField } from '@mui/material';
import { useEffect, useState } from 'react';
import { useSearchParams } from 'react-router';
import { useHosts, useHostTotals, useRights } from '../app/api/hooks';
import type { Host } from '../app/api/types';
import { Empty, LoadError, Page, Waiting } from '../app/Page';
import { Pager, useCursor } from '../app/Pager';
import { count, HealthStatusIcon, STATUS_WORDS, visuallyHidden, type HostStatus } from '../health';
import { HostBulkBar } from './hosts/HostBulkBar';
import { failureWords, HostTable } from './hosts/HostTable';
import { SearchField } from './hosts/SearchField';

const STATUSES: readonly HostStatus[] = ['unhealthy', 'unknown', 'healthy', 'none'];
const ROWS = 50;

/** Every host with its checks in one glance. Search, filter and order are the server's work. */
export default function HostsPage() {
  const [parameters, setParameters] = useSearchParams();
  const q = parameters.get('q') ?? '';
  const status = STATUSES.find((each) => each === parameters.get('status')) ?? '';
  const group = parameters.get('group') ?? '';
  const reason = parameters.get('reason') ?? '';
  const sort = parameters.get('sort') === 'status' ? 'status' : 'name';
  const { cursor, pager, reset } = useCursor();
  const choice = { q, status, group, reason } as const;
  const hosts = useHosts({ ...choice, sort, cursor, limit: ROWS });
  const totals = useHostTotals(choice).data;
  const { canEdit } = useRights();
  const [chosen, setChosen] = useState<ReadonlyMap<string, Host>>(new Map());

  const set = (name: string, value: string) => {
    reset();
    setParameters(
      (current) => {
        const next = new URLSearchParams(current);
        if (value === '') next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  };
  const toggle = (some: readonly Host[], on: boolean) => {
    const next = new Map(chosen);
    for (const host of some) {
      if (on) next.set(host.id, host);
      else next.delete(host.id);
    }
    setChosen(next);
  };
  const filtered = q !== '' || status !== '' || group !== '' || reason !== '';
  const shown = hosts.data?.hosts ?? [];
  return (
    <Page title="Hosts" subtitle="Which hosts are healthy, and which would hold a patch back.">
      <Paper variant="outlined">
        <Box
          sx={{ display: 'flex', flexWrap: 'wrap', columnGap: 1, rowGap: 1.5, p: 1.5, alignItems: 'center' }}
        >
          <SearchField label="Search by name or address" value={q} onChange={(text) => set('q', text)} />
          <Box
            role="group"
            aria-label="Filter by health"
            sx={{ display: 'flex', flexWrap: 'wrap', gap: 0.75 }}
          >
            {STATUSES.map((each) => (
              <Chip
                key={each}
                size="medium"
                clickable
                variant={status === each ? 'filled' : 'outlined'}
                aria-pressed={status === each}
                onClick={() => set('status', status === each ? '' : each)}
                label={
                  <HealthStatusIcon
                    status={each}
                    label={totalWords(STATUS_WORDS[each], totals?.statuses[each] ?? (totals && 0))}
                    size={16}
                  />
                }
                sx={{ fontVariantNumeric: 'tabular-nums' }}
              />
            ))}
          </Box>
          <Choice
            label="Reason"
            all="All reasons"
            value={reason}
            options={totals?.reasons.map((each) => [each.reason, each.hosts] as const)}
            words={failureWords}
            onChange={(value) => set('reason', value)}
          />
          <Choice
            label="Group"
            all="All groups"
            value={group}
            options={totals?.groups.map((each) => [each.group, each.hosts] as const)}
            words={(name) => name}
            onChange={(value) => set('group', value)}
          />
        </Box>
        {canEdit && (
          <HostBulkBar choice={choice} total={totals?.total} chosen={chosen} onChoose={setChosen} />
        )}
        {hosts.isError && (
          <Box sx={{ px: 1.5, pb: 1.5 }}>
            <LoadError what="The hosts" error={hosts.error} onRetry={() => void hosts.refetch()} />
          </Box>
        )}
        {hosts.isPending && <Waiting label="Loading the hosts" />}
        {hosts.data?.hosts.length === 0 && (
          <Empty title={filtered ? 'No host matches' : 'No hosts'}>
            {filtered
              ? 'Change the search or the filter.'
              : 'You see the hosts of your groups, and there are none yet.'}
          </Empty>
        )}
        {shown.length > 0 && (
          <HostTable
            hosts={shown}
            sort={sort}
            onSort={(by) => set('sort', by === 'name' ? '' : by)}
            dimmed={hosts.isPlaceholderData}
            {...(canEdit && { selection: { chosen: new Set(chosen.keys()), toggle } })}
          />
        )}
        {hosts.data !== undefined && (
          <Pager
            {...pager(hosts.data.next_cursor ?? null)}
            words={
              totals === undefined
                ? `${shown.length} hosts on this page`
                : `${shown.length} of ${count(totals.total, 'host')} on this page`
            }
          />
        )}
      </Paper>
      <Announce text={hosts.data === undefined ? '' : `${hosts.data.hosts.length} hosts shown`} />
    </Page>
  );
}

function totalWords(words: string, total: number | undefined): string {
  return total === undefined ? words : `${words} (${total.toLocaleString('en-GB')})`;
}

interface ChoiceProps {
  label: string;
  all: string;
  value: string;
  /** What can be chosen, and how many hosts each leaves. */
  options: readonly (readonly [string, number])[] | undefined;
  words: (value: string) => string;
  onChange: (value: string) => void;
}

function Choice({ label, all, value, options = [], words, onChange }: ChoiceProps) {
  // What an address names stays to be seen, also where no host has it any more.
  const shown =
    value === '' || options.some(([each]) => each === value) ? options : [[value, 0] as const, ...options];
  return (
    <TextField
      select
      label={label}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
      sx={{ width: { xs: '100%', sm: 190 } }}
    >
      <MenuItem value="">{all}</MenuItem>
      {shown.map(([each, hosts]) => (
        <MenuItem key={each} value={each}>
          {totalWords(words(each), hosts)}
        </MenuItem>
      ))}
    </TextField>
  );
}

/** Tells a screen reader of a changed list, once it has settled. */
function Announce({ text }: { text: string }) {
  const [told, setTold] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setTold(text), 600);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <Box role="status" sx={visuallyHidden}>
      {told}
    </Box>
  );
}
