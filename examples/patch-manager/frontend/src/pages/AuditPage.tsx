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
import { useState } from 'react';
import { Link as RouterLink, useSearchParams } from 'react-router';
import { useHostNames } from '../app/api/hooks';
import { Empty, LoadError, Page, Waiting } from '../app/Page';
import { shortId } from '../app/words';
import {
  count,
  formatInstant,
  messageOf,
  useAudit,
  useAuditExport,
  visuallyHidden,
  type AuditFilter,
  type AuditRecord,
} from '../health';
import { AuditFilters } from './audit/AuditFilters';
import { actionWords, filterOf, isFiltered, parametersOf, viewOf, type AuditView } from './audit/filter';

/** Who did what, and what was refused; newest first. On a phone, who and what are one column. */
export default function AuditPage() {
  const [parameters, setParameters] = useSearchParams();
  const view = viewOf(parameters);
  const theme = useTheme();
  const wide = useMediaQuery(theme.breakpoints.up('md'), { noSsr: true });
  // "The last hour" ends when it was chosen; what comes later is in it as well.
  const [chosenAt, setChosenAt] = useState(() => Date.now());
  const filter = filterOf(view, chosenAt);
  const audit = useAudit(filter);
  const records = audit.data?.pages.flatMap((page) => page.records) ?? [];
  const hostName = useHostNames(records.flatMap((record) => record.host_id ?? []));
  const show = (next: AuditView) => {
    if (next.span !== view.span) setChosenAt(Date.now());
    setParameters(parametersOf(next), { replace: true, preventScrollReset: true });
  };
  return (
    <Page
      title="Audit"
      subtitle="Who did what, and what was refused. Secrets are never shown, only that they were set or changed."
      actions={<Exports filter={filter} />}
    >
      <Paper variant="outlined">
        <AuditFilters
          view={view}
          onChange={(part) => show({ ...view, ...part })}
          onClear={() => setParameters({}, { replace: true, preventScrollReset: true })}
        />
        {audit.isError && (
          <Box sx={{ p: 1.5 }}>
            <LoadError what="The audit log" error={audit.error} onRetry={() => void audit.refetch()} />
          </Box>
        )}
        {audit.isPending && <Waiting label="Loading the audit log" />}
        {audit.data !== undefined && records.length === 0 && !audit.hasNextPage && (
          <Empty title={isFiltered(view) ? 'No record matches' : 'Nothing has been recorded'}>
            {isFiltered(view) && 'Change the filters, or clear them.'}
          </Empty>
        )}
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
        {(records.length > 0 || audit.hasNextPage) && (
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

/** The log as a file: what the filters leave, all of it. */
function Exports({ filter }: { filter: AuditFilter }) {
  const download = useAuditExport(filter);
  const save = (format: 'csv' | 'jsonl') =>
    download.mutate(format, { onSuccess: (file) => saveFile(file, `audit.${format}`) });
  const busy = (format: string) => download.isPending && download.variables === format;
  return (
    <>
      {download.isError && (
        <Typography variant="body2" color="error" role="alert">
          The export failed. {messageOf(download.error)}
        </Typography>
      )}
      <Button loading={busy('csv')} disabled={download.isPending} onClick={() => save('csv')}>
        Export CSV
      </Button>
      <Button loading={busy('jsonl')} disabled={download.isPending} onClick={() => save('jsonl')}>
        Export JSON lines
      </Button>
    </>
  );
}

function saveFile(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // Not at once: the browser may only begin to read it.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
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
