import { Link, Stack, Typography } from '@mui/material';
import { Link as RouterLink } from 'react-router';
import { useHostNames, useMe, useRights } from '../../app/api/hooks';
import { RECORDS_READ, useTodaysRecords } from '../../app/api/overview';
import { recordWords } from '../../app/audit';
import { shortId } from '../../app/words';
import { count, formatClock, type AuditRecord } from '../../health';
import { Card } from './Card';

const SHOWN = 8;

/** What was done today, and what was refused; not there for who may not read the audit log. */
export function Today() {
  const { canAudit } = useRights();
  const me = useMe();
  const records = useTodaysRecords(canAudit);
  const shown = (records.data ?? []).slice(0, SHOWN);
  const hostName = useHostNames(shown.flatMap((record) => record.host_id ?? []));
  if (me.data === undefined || !canAudit) return null;
  const total = records.data?.length ?? 0;
  const refused = records.data?.filter((record) => record.outcome === 'refused').length ?? 0;
  return (
    <Card
      title="Today"
      more={{ label: 'All records', to: '/audit' }}
      query={records}
      summary={
        total === 0
          ? 'Nothing has been changed today.'
          : `${total >= RECORDS_READ ? 'At least ' : ''}${count(total, 'record')}${refused > 0 ? `, ${refused} refused` : ''}.`
      }
    >
      {shown.length > 0 && (
        <Stack
          component="ol"
          spacing={0.75}
          sx={{ m: 0, p: 0, listStyle: 'none' }}
          aria-label="Newest records"
        >
          {shown.map((record) => (
            <li key={record.id}>
              <Entry record={record} hostName={hostName} />
            </li>
          ))}
        </Stack>
      )}
    </Card>
  );
}

function Entry({ record, hostName }: { record: AuditRecord; hostName: (id: string) => string }) {
  return (
    <Typography variant="body2" sx={{ overflowWrap: 'anywhere' }}>
      <Typography component="span" variant="inherit" color="text.secondary">
        <time dateTime={record.at}>{formatClock(record.at)}</time> · {record.actor} ·{' '}
      </Typography>
      <Typography
        component="span"
        variant="inherit"
        color={record.outcome === 'refused' ? 'error.main' : 'text.primary'}
      >
        {recordWords(record)}
      </Typography>
      {record.host_id != null && (
        <>
          {' '}
          ·{' '}
          <Link component={RouterLink} to={`/hosts/${record.host_id}`} underline="always">
            {hostName(record.host_id)}
          </Link>
        </>
      )}
      {record.job_id != null && (
        <>
          {' '}
          ·{' '}
          <Link component={RouterLink} to={`/jobs/${record.job_id}`} underline="always">
            job {shortId(record.job_id)}
          </Link>
        </>
      )}
    </Typography>
  );
}
