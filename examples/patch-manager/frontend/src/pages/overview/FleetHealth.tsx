import { Box, Link, Typography } from '@mui/material';
import { Link as RouterLink } from 'react-router';
import { useHostTotals } from '../../app/api/hooks';
import { count, HealthStatusIcon, STATUS_WORDS, type HostStatus } from '../../health';
import { Card } from './Card';

/** What needs a person comes first. */
const STATUSES: readonly HostStatus[] = ['unhealthy', 'unknown', 'healthy', 'none'];

/** No filter. */
const EVERY_HOST = { q: '', status: '', group: '', reason: '' } as const;

const COLOURS: Readonly<Record<HostStatus, string>> = {
  unhealthy: 'error.main',
  unknown: 'text.secondary',
  healthy: 'success.main',
  none: 'text.disabled',
};

/** How many hosts are healthy; each figure leads to its hosts. */
export function FleetHealth() {
  const totals = useHostTotals(EVERY_HOST);
  const total = totals.data?.total ?? 0;
  return (
    <Card
      title="Fleet health"
      more={{ label: 'All hosts', to: '/hosts' }}
      query={totals}
      summary={
        total === 0 ? 'You see the hosts of your groups, and there are none yet.' : count(total, 'host')
      }
    >
      {total > 0 && (
        <>
          <Box
            aria-hidden="true"
            sx={{ display: 'flex', height: 8, borderRadius: 1, overflow: 'hidden', bgcolor: 'divider' }}
          >
            {STATUSES.map((status) => (
              <Box
                key={status}
                sx={{ bgcolor: COLOURS[status] }}
                style={{ width: `${(100 * (totals.data?.statuses[status] ?? 0)) / total}%` }}
              />
            ))}
          </Box>
          <Box
            component="ul"
            aria-label="Hosts by health"
            sx={{
              display: 'grid',
              gap: 1.5,
              m: 0,
              p: 0,
              listStyle: 'none',
              gridTemplateColumns: { xs: 'repeat(2, minmax(0, 1fr))', sm: 'repeat(4, minmax(0, 1fr))' },
            }}
          >
            {STATUSES.map((status) => (
              <li key={status}>
                <Figure status={status} number={totals.data?.statuses[status] ?? 0} />
              </li>
            ))}
          </Box>
        </>
      )}
    </Card>
  );
}

function Figure({ status, number }: { status: HostStatus; number: number }) {
  return (
    <Link
      component={RouterLink}
      to={`/hosts?status=${status}`}
      color="inherit"
      underline="none"
      sx={{
        display: 'block',
        border: 1,
        borderColor: 'divider',
        borderRadius: 1.5,
        px: 1.5,
        py: 1,
        '&:hover': { borderColor: 'primary.main', bgcolor: 'action.hover' },
      }}
    >
      <Typography
        component="span"
        sx={{ display: 'block', fontSize: '1.6rem', fontWeight: 650, lineHeight: 1.2 }}
        style={{ fontVariantNumeric: 'tabular-nums' }}
      >
        {number.toLocaleString('en-GB')}
      </Typography>{' '}
      <HealthStatusIcon status={status} label={STATUS_WORDS[status]} size={16} />
    </Link>
  );
}
