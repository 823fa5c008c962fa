import { Alert, Box, Button, Chip, MenuItem, Stack, TextField, Typography } from '@mui/material';
import { useState } from 'react';
import { allHosts, hostSearch, useHostNames, useHostTotals } from '../../app/api/hooks';
import { count, HostPicker, messageOf, STATUS_WORDS, type HostStatus } from '../../health';
import { SearchField } from './SearchField';

/** Properties of {@link HostsField}. */
export interface HostsFieldProps {
  ids: readonly string[];
  onChange: (ids: readonly string[]) => void;
  /** The most hosts that may be chosen. */
  most: number;
  /** A host that is not to be chosen. */
  except?: string;
  fault?: string | undefined;
}

/** The maximum number of chosen hosts that are shown by name. */
const NAMED = 12;
const STATUSES: readonly HostStatus[] = ['unhealthy', 'unknown', 'healthy', 'none'];

/** Chooses hosts by their group, by all that match, or one by one. */
export function HostsField({ ids, onChange, most, except, fault }: HostsFieldProps) {
  const name = useHostNames(ids.slice(0, NAMED));
  const [q, setQ] = useState('');
  const [group, setGroup] = useState('');
  const [status, setStatus] = useState<HostStatus | ''>('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const choice = { q, status, group };
  const totals = useHostTotals(choice).data;
  const add = (found: readonly string[]) => {
    const next = new Set([...ids, ...found.filter((id) => id !== except)]);
    onChange([...next].slice(0, most));
  };
  const addAll = async () => {
    setBusy(true);
    setError(null);
    try {
      // One more than may be chosen: the choice then says that it is full.
      const found = await allHosts(choice, most + 1);
      add(found.map((host) => host.id));
    } catch (failed) {
      setError(failed);
    } finally {
      setBusy(false);
    }
  };
  const total = totals?.total;
  return (
    <Box component="fieldset" sx={{ border: 0, p: 0, m: 0, minWidth: 0 }}>
      <Typography variant="subtitle2" component="legend" sx={{ mb: 0.75, p: 0 }}>
        Hosts ({ids.length.toLocaleString('en-GB')})
      </Typography>
      <Stack direction="row" useFlexGap sx={{ flexWrap: 'wrap', gap: 1, alignItems: 'center' }}>
        <TextField
          select
          label="Group"
          value={group}
          onChange={(event) => setGroup(event.target.value)}
          slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
          sx={{ minWidth: 150 }}
        >
          <MenuItem value="">All groups</MenuItem>
          {totals?.groups.map((each) => (
            <MenuItem key={each.group} value={each.group}>
              {each.group} ({each.hosts.toLocaleString('en-GB')})
            </MenuItem>
          ))}
        </TextField>
        <TextField
          select
          label="Health"
          value={status}
          onChange={(event) => setStatus(event.target.value as HostStatus | '')}
          slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
          sx={{ minWidth: 120 }}
        >
          <MenuItem value="">Any</MenuItem>
          {STATUSES.map((each) => (
            <MenuItem key={each} value={each}>
              {STATUS_WORDS[each]}
            </MenuItem>
          ))}
        </TextField>
        <SearchField label="Name or address" value={q} onChange={setQ} />
        <Button variant="outlined" loading={busy} disabled={total === 0} onClick={() => void addAll()}>
          Add all {total === undefined ? '' : `${total.toLocaleString('en-GB')} `}that match
        </Button>
      </Stack>
      <Box sx={{ mt: 1.5 }}>
        {/* A fresh picker after each choice: it is there to add, not to hold one. */}
        <HostPicker
          key={ids.length}
          label="Add a host"
          value={null}
          search={hostSearch}
          error={fault !== undefined}
          helperText={fault}
          onChange={(id) => {
            if (id !== null) add([id]);
          }}
        />
      </Box>
      {ids.length >= most && (
        <Alert severity="info" sx={{ mt: 1 }}>
          At most {count(most, 'host')} can be chosen.
        </Alert>
      )}
      {error !== null && (
        <Alert severity="error" role="alert" sx={{ mt: 1 }}>
          The hosts could not be loaded. {messageOf(error)}
        </Alert>
      )}
      <Stack direction="row" useFlexGap sx={{ flexWrap: 'wrap', gap: 0.5, mt: 1, alignItems: 'center' }}>
        {ids.slice(0, NAMED).map((id) => (
          <Chip key={id} label={name(id)} onDelete={() => onChange(ids.filter((each) => each !== id))} />
        ))}
        {ids.length > NAMED && (
          <Chip variant="outlined" label={`and ${(ids.length - NAMED).toLocaleString('en-GB')} more`} />
        )}
        {ids.length > 1 && (
          <Button size="small" onClick={() => onChange([])}>
            Remove all
          </Button>
        )}
      </Stack>
    </Box>
  );
}
