import { Box, Chip, Paper } from '@mui/material';
import { useEffect, useState } from 'react';
import { useSearchParams } from 'react-router';
import { useHosts } from '../app/api/hooks';
import { Empty, LoadError, Page, Waiting } from '../app/Page';
import { Pager, useCursor } from '../app/Pager';
import { HealthStatusIcon, STATUS_WORDS, visuallyHidden, type HostStatus } from '../health';
import { HostTable } from './hosts/HostTable';
import { SearchField } from './hosts/SearchField';

const STATUSES: readonly HostStatus[] = ['unhealthy', 'unknown', 'healthy', 'none'];
const ROWS = 50;

/** Every host with its checks in one glance. Search, filter and order are the server's work. */
export default function HostsPage() {
  const [parameters, setParameters] = useSearchParams();
  const q = parameters.get('q') ?? '';
  const status = STATUSES.find((each) => each === parameters.get('status')) ?? '';
  const sort = parameters.get('sort') === 'status' ? 'status' : 'name';
  const { cursor, pager, reset } = useCursor();
  const hosts = useHosts({ q, status, sort, cursor, limit: ROWS });

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
  const filtered = q !== '' || status !== '';
  return (
    <Page title="Hosts" subtitle="Which hosts are healthy, and which would hold a patch back.">
      <Paper variant="outlined">
        <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1, p: 1.5, alignItems: 'center' }}>
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
                label={<HealthStatusIcon status={each} label={STATUS_WORDS[each]} size={16} />}
              />
            ))}
          </Box>
        </Box>
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
        {hosts.data !== undefined && hosts.data.hosts.length > 0 && (
          <HostTable
            hosts={hosts.data.hosts}
            sort={sort}
            onSort={(by) => set('sort', by === 'name' ? '' : by)}
            dimmed={hosts.isPlaceholderData}
          />
        )}
        {hosts.data !== undefined && (
          <Pager
            {...pager(hosts.data.next_cursor ?? null)}
            words={`${hosts.data.hosts.length} hosts on this page`}
          />
        )}
      </Paper>
      <Announce text={hosts.data === undefined ? '' : `${hosts.data.hosts.length} hosts shown`} />
    </Page>
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
