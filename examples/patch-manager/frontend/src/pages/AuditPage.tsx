import {
  Box,
  Button,
  Chip,
  Link,
  Paper,
  Stack,
  Table,
  TableBody,
  TableCell,
  TableContainer,
  TableHead,
  TableRow,
  Typography,
  useMediaQuery,
  useTheme,
} from '@mui/material';
import { Link as RouterLink, useSearchParams } from 'react-router';
import { useHost, useHostNames } from '../app/api/hooks';
import { Empty, LoadError, Page, Waiting } from '../app/Page';
import { shortId } from '../app/words';
import { count, formatInstant, useAudit, visuallyHidden, type AuditRecord } from '../health';

/** Who did what, and what was refused; newest first. On a phone, who and what are one column. */
export default function AuditPage() {
  const [parameters, setParameters] = useSearchParams();
  const hostId = parameters.get('host') ?? undefined;
  const theme = useTheme();
  const wide = useMediaQuery(theme.breakpoints.up('md'), { noSsr: true });
  const audit = useAudit({ hostId });
  const records = audit.data?.pages.flatMap((page) => page.records) ?? [];
  const hostName = useHostNames(records.flatMap((record) => record.host_id ?? []));
  return (
    <Page
      title="Audit"
      subtitle="Who did what, and what was refused. Secrets are never shown, only that they were set or changed."
      actions={hostId !== undefined && <HostFilter id={hostId} onClear={() => setParameters({})} />}
    >
      <Paper variant="outlined">
        {audit.isError && (
          <Box sx={{ p: 1.5 }}>
            <LoadError what="The audit log" error={audit.error} onRetry={() => void audit.refetch()} />
          </Box>
        )}
        {audit.isPending && <Waiting label="Loading the audit log" />}
        {audit.data !== undefined && records.length === 0 && <Empty title="Nothing has been recorded" />}
        {records.length > 0 && (
          <TableContainer>
            <Table size="small">
              <caption style={visuallyHidden}>Audit log, newest first</caption>
              <TableHead>
                <TableRow>
                  <TableCell>When</TableCell>
                  {wide && <TableCell>Who</TableCell>}
                  <TableCell>What</TableCell>
                  <TableCell>On</TableCell>
                  {wide && <TableCell>Changes</TableCell>}
                </TableRow>
              </TableHead>
              <TableBody>
                {records.map((record) => (
                  <Row key={record.id} record={record} hostName={hostName} wide={wide} />
                ))}
              </TableBody>
            </Table>
          </TableContainer>
        )}
        {records.length > 0 && (
          <Stack direction="row" sx={{ px: 2, py: 1, alignItems: 'center', justifyContent: 'space-between' }}>
            <Typography variant="body2" color="text.secondary">
              {count(records.length, 'record')}
            </Typography>
            {audit.hasNextPage && (
              <Button
                size="small"
                onClick={() => void audit.fetchNextPage()}
                loading={audit.isFetchingNextPage}
              >
                Show older
              </Button>
            )}
          </Stack>
        )}
      </Paper>
    </Page>
  );
}

function HostFilter({ id, onClear }: { id: string; onClear: () => void }) {
  const host = useHost(id);
  return <Chip size="medium" label={`On ${host.data?.name ?? 'one host'}`} onDelete={onClear} />;
}

interface RowProps {
  record: AuditRecord;
  hostName: (id: string) => string;
  wide: boolean;
}

function Row({ record, hostName, wide }: RowProps) {
  return (
    <TableRow hover sx={{ '& td, & th': { verticalAlign: 'top' } }}>
      <TableCell sx={{ whiteSpace: { md: 'nowrap' } }}>{formatInstant(record.at)}</TableCell>
      {wide && (
        <TableCell>
          {record.actor}
          {record.actor !== record.role && (
            <Typography variant="caption" color="text.secondary" component="div">
              {record.role}
            </Typography>
          )}
        </TableCell>
      )}
      <TableCell sx={{ overflowWrap: 'anywhere' }}>
        {actionWords(record.action)}
        {record.outcome === 'refused' && (
          <Chip label="Refused" color="error" variant="outlined" sx={{ ml: 1, height: 20 }} />
        )}
        {!wide && (
          <>
            <Typography variant="body2" color="text.secondary">
              by {record.actor}
            </Typography>
            <Changes record={record} />
          </>
        )}
      </TableCell>
      <TableCell>
        {record.host_id != null && (
          <div>
            <Link component={RouterLink} to={`/hosts/${record.host_id}`}>
              {hostName(record.host_id)}
            </Link>
          </div>
        )}
        {record.job_id != null && (
          <Link component={RouterLink} to={`/jobs/${record.job_id}`}>
            job {shortId(record.job_id)}
          </Link>
        )}
        {record.host_id == null && record.job_id == null && '–'}
      </TableCell>
      {wide && (
        <TableCell sx={{ overflowWrap: 'anywhere', minWidth: 200 }}>
          <Changes record={record} />
        </TableCell>
      )}
    </TableRow>
  );
}

/** What was changed, and why. */
function Changes({ record }: { record: AuditRecord }) {
  return (
    <>
      {record.reason != null && <div>“{record.reason}”</div>}
      {record.changes.map((change) => (
        <Typography key={change.field} variant="body2" component="div">
          <Box component="span" sx={{ color: 'text.secondary' }}>
            {change.field.replaceAll('_', ' ')}:
          </Box>{' '}
          {change.before != null && (
            <>
              <del>{valueWords(change.before)}</del>{' '}
            </>
          )}
          {change.after != null ? (
            <ins style={{ textDecoration: 'none' }}>{valueWords(change.after)}</ins>
          ) : (
            'cleared'
          )}
        </Typography>
      ))}
    </>
  );
}

/** An instant with its zone as everywhere; anything else as it is. */
function valueWords(value: string): string {
  return /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? formatInstant(value) : value;
}

function actionWords(action: string): string {
  const words = action.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
