import { Alert } from '@mui/material';
import { count } from '../health';
import { useGroups } from './api/hooks';
import type { Group } from './api/types';

/** Properties of {@link GroupNotice}. */
export interface GroupNoticeProps {
  /** The names of the groups that are concerned. */
  names: ReadonlySet<string>;
}

/** Says which of these groups limit how many members may be down or under change, and how they stand. */
export function GroupNotice({ names }: GroupNoticeProps) {
  const groups = useGroups().data?.groups.filter(({ name }) => names.has(name)) ?? [];
  return groups.map((group) => {
    const words = limitWords(group);
    if (words === null) return null;
    const full = (group.unavailable ?? 0) >= (group.max_unavailable ?? Infinity);
    return (
      <Alert key={group.name} severity={full ? 'warning' : 'info'}>
        {words}
      </Alert>
    );
  });
}

function limitWords({ name, hosts, max_unavailable: most, unavailable }: Group): string | null {
  if (most === null) return null;
  const now = unavailable === 0 ? 'None is now' : `${unavailable} ${unavailable === 1 ? 'is' : 'are'} now`;
  return `Group ${name}: at most ${most} of ${count(hosts, 'host')} may be down or under change. ${now}.`;
}
