import { Stack, Typography } from '@mui/material';
import { useFreezes } from '../../app/api/hooks';
import { useNextWindows } from '../../app/api/overview';
import type { Freeze } from '../../app/api/types';
import { count, formatShort } from '../../health';
import { recurrenceWords } from '../windows/form';
import { Occurrence } from '../windows/Occurrence';
import { Card } from './Card';

const SHOWN = 4;

/** The freezes that are active or lie ahead, and the windows that are open or come next. */
export function Ahead() {
  const windows = useNextWindows();
  const freezes = useFreezes();
  const frozen = freezes.data?.freezes ?? [];
  const next = windows.data ?? [];
  const both = {
    isPending: windows.isPending || freezes.isPending,
    error: windows.error ?? freezes.error,
    data: windows.data !== undefined && freezes.data !== undefined ? next : undefined,
    refetch: () => Promise.all([windows.refetch(), freezes.refetch()]),
  };
  return (
    <Card title="Windows and freezes" more={{ label: 'All windows', to: '/windows' }} query={both}>
      {frozen.length > 0 && (
        <Entries label="Freezes">
          {frozen.slice(0, SHOWN).map((freeze) => (
            <li key={`${freeze.name} ${freeze.starts_at}`}>
              <Typography variant="body2" sx={{ overflowWrap: 'anywhere' }}>
                <strong>{freeze.name}</strong>: {freezeWords(freeze)}
              </Typography>
            </li>
          ))}
        </Entries>
      )}
      {next.length === 0 && (
        <Typography variant="body2" color="text.secondary">
          No maintenance window is open or lies ahead.
        </Typography>
      )}
      {next.length > 0 && (
        <Entries label="Next maintenance windows">
          {next.slice(0, SHOWN).map((window) => (
            <li key={window.id}>
              <Typography variant="body2" sx={{ overflowWrap: 'anywhere' }}>
                <strong>{window.name}</strong>: <Occurrence window={window} />
              </Typography>
              <Typography variant="body2" color="text.secondary">
                {recurrenceWords(window)}, {count(window.host_ids.length, 'host')}
              </Typography>
            </li>
          ))}
        </Entries>
      )}
    </Card>
  );
}

function Entries({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <Stack component="ul" spacing={1} sx={{ m: 0, p: 0, listStyle: 'none' }} aria-label={label}>
      {children}
    </Stack>
  );
}

function freezeWords({ active, starts_at, ends_at, groups }: Freeze): string {
  const who = groups.length === 0 ? 'all hosts' : `hosts in ${groups.join(', ')}`;
  return active
    ? `${who} frozen until ${formatShort(ends_at)}`
    : `${who} frozen from ${formatShort(starts_at)} until ${formatShort(ends_at)}`;
}
