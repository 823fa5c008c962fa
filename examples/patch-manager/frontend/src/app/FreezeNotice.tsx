import { Alert } from '@mui/material';
import { formatShort } from '../health';
import { useFreezes } from './api/hooks';
import type { Freeze } from './api/types';

/** Says what is frozen now and, where asked, what will be. */
export function FreezeNotice({ upcoming = false }: { upcoming?: boolean }) {
  const freezes = useFreezes().data?.freezes.filter((freeze) => freeze.active !== upcoming) ?? [];
  return freezes.map((freeze) => (
    <Alert key={freeze.name} severity={freeze.active ? 'warning' : 'info'} sx={{ mb: upcoming ? 0 : 2 }}>
      {freeze.active ? 'Frozen' : `Frozen from ${formatShort(freeze.starts_at)}`} until{' '}
      {formatShort(freeze.ends_at)}: “{freeze.name}”, {scope(freeze)}. Nothing starts
      {freeze.holds_exempt ? ', rollbacks included' : ', except rollbacks'}.
    </Alert>
  ));
}

function scope({ groups }: Freeze): string {
  return groups.length === 0 ? 'all hosts' : `hosts in ${groups.join(', ')}`;
}
