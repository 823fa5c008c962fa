import { Box, Collapse, IconButton, Stack, Tooltip, Typography } from '@mui/material';
import { useId, useState } from 'react';
import type { HealthCheck } from '../api/types';
import { useTestCheck } from '../hooks/useChecks';
import { useCheckHistory } from '../hooks/useHistory';
import { useNow } from '../hooks/useNow';
import { shownStatus } from '../model/status';
import { formatDuration, formatLatency, toMillis } from '../model/time';
import { CheckDetails } from './CheckDetails';
import { HealthHistoryStrip } from './HealthHistoryStrip';
import { HealthStatusIcon } from './HealthStatusIcon';
import { ChevronIcon, DeleteIcon, EditIcon, TestIcon } from './icons';
import { RelativeTime } from './RelativeTime';
import { ResultText } from './ResultText';
import { TestResult } from './TestResult';

/** Properties of {@link CheckRow}. */
export interface CheckRowProps {
  check: HealthCheck;
  /** Whether the user may change, delete and test it. */
  canEdit: boolean;
  /** How far back its past goes, in milliseconds. */
  retention: number;
  /** The longest that a run takes, in seconds. */
  timeout: number;
  onEdit: () => void;
  onDelete: () => void;
}

/** One check in the list: its status, why, how old that is, its past, and what can be done. */
export function CheckRow({ check, canEdit, retention, timeout, onEdit, onDelete }: CheckRowProps) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const history = useCheckHistory(check.host_id, check.id, { retention });
  const test = useTestCheck(check.host_id);
  const result = check.last_result ?? null;
  const target = check.check_type === 'service' ? check.service_name : check.url;
  const tested = test.isPending || test.isSuccess || test.isError;
  return (
    <Box
      component="li"
      sx={{ borderTop: 1, borderColor: 'divider', listStyle: 'none' }}
      data-check={check.name}
    >
      <Box
        sx={{
          display: 'grid',
          alignItems: 'center',
          columnGap: 2,
          rowGap: 0.5,
          px: 2,
          py: 1.25,
          gridTemplateColumns: {
            xs: '1fr auto',
            md: '112px minmax(220px, 1.5fr) minmax(140px, 1fr) 72px 96px 144px',
          },
          gridTemplateAreas: {
            xs: `"status actions" "name name" "result result" "history history" "latency age"`,
            md: `"status name history latency age actions" ". result result result result result"`,
          },
        }}
      >
        <Box sx={{ gridArea: 'status' }}>
          <HealthStatusIcon status={shownStatus(check)} />
        </Box>
        <Box sx={{ gridArea: 'name', minWidth: 0 }}>
          <Typography
            component="h3"
            variant="body1"
            color={check.enabled ? 'text.primary' : 'text.secondary'}
            sx={{ fontWeight: 600, overflowWrap: 'anywhere' }}
          >
            {check.name}
          </Typography>
          <Typography variant="body2" color="text.secondary" noWrap title={target ?? undefined}>
            {check.check_type === 'service' ? 'Service' : 'HTTP'} · {target}
          </Typography>
        </Box>
        <Box sx={{ gridArea: 'history', minWidth: 0, lineHeight: 0 }}>
          <HealthHistoryStrip
            results={history.data?.results}
            cutOff={history.data?.cutOff ?? null}
            span={retention}
            muted={!check.enabled}
          />
        </Box>
        <Typography
          variant="body2"
          sx={{ gridArea: 'latency', textAlign: { md: 'right' }, fontVariantNumeric: 'tabular-nums' }}
        >
          {result?.latency_ms == null ? '–' : formatLatency(result.latency_ms)}
        </Typography>
        <Typography variant="body2" sx={{ gridArea: 'age', textAlign: 'right' }}>
          {result === null ? 'never ran' : <RelativeTime instant={result.checked_at} />}
        </Typography>
        <Stack direction="row" sx={{ gridArea: 'actions', justifyContent: 'flex-end' }}>
          {canEdit && (
            <>
              <Action
                label={`Test ${check.name} now`}
                onClick={() => test.mutate({ check })}
                disabled={test.isPending}
              >
                <TestIcon />
              </Action>
              <Action label={`Edit ${check.name}`} onClick={onEdit}>
                <EditIcon />
              </Action>
              <Action label={`Delete ${check.name}`} onClick={onDelete}>
                <DeleteIcon />
              </Action>
            </>
          )}
          <IconButton
            size="small"
            aria-expanded={open}
            aria-controls={id}
            aria-label={`Details of ${check.name}`}
            onClick={() => setOpen(!open)}
          >
            <ChevronIcon
              sx={{ transform: open ? 'rotate(180deg)' : 'none', transition: 'transform 150ms' }}
            />
          </IconButton>
        </Stack>
        <Box sx={{ gridArea: 'result', minWidth: 0 }}>
          <Verdict check={check} />
        </Box>
      </Box>
      {tested && (
        <Box sx={{ px: 2, pb: 1.5, pl: { md: '144px' } }}>
          <TestResult running={test.isPending} result={test.data} error={test.error} timeout={timeout} />
        </Box>
      )}
      <Collapse in={open} id={id} unmountOnExit>
        <Box sx={{ px: 2, pl: { md: '144px' } }}>
          <CheckDetails check={check} history={history.data} retention={retention} />
        </Box>
      </Collapse>
    </Box>
  );
}

/** Why the status is what it is, since when, and what to do about it. */
function Verdict({ check }: { check: HealthCheck }) {
  const result = check.last_result ?? null;
  if (!check.enabled) {
    return (
      <Typography variant="body2" color="text.secondary">
        Skipped: it is not run and holds no patch back.
      </Typography>
    );
  }
  if (check.unreadable.length > 0) {
    const faults = check.unreadable.map(({ field, message }) =>
      field === '' ? message : `${field}: ${message}`,
    );
    return <ResultText reason="check_unreadable" detail={faults.join('; ')} observed={false} advice />;
  }
  if (check.status === 'healthy') return <Since check={check} word="Healthy" />;
  if (result === null) {
    return <ResultText reason="no_result" detail="" observed={false} advice />;
  }
  // An unknown status over a result that says something: it has become too old to be trusted.
  const stale = check.status === 'unknown' && (result.healthy || result.observed);
  return (
    <>
      {stale ? (
        <ResultText reason="stale" detail="" observed={false} advice />
      ) : (
        <ResultText {...result} advice />
      )}
      <Since check={check} word={check.status === 'unhealthy' ? 'Unhealthy' : 'Unknown'} />
    </>
  );
}

function Since({ check, word }: { check: HealthCheck; word: string }) {
  const now = useNow();
  const detail = check.status === 'healthy' ? check.last_result?.detail : undefined;
  return (
    <Typography variant="body2" color="text.secondary" sx={{ overflowWrap: 'anywhere' }}>
      {check.since != null && (
        <>
          {word} for {formatDuration(now - toMillis(check.since))}
        </>
      )}
      {detail !== undefined && detail !== '' && (
        <>
          {check.since != null && ' · '}
          {detail}
        </>
      )}
    </Typography>
  );
}

interface ActionProps {
  label: string;
  onClick: () => void;
  disabled?: boolean;
  children: React.ReactNode;
}

function Action({ label, onClick, disabled = false, children }: ActionProps) {
  return (
    <Tooltip title={disabled ? '' : label}>
      <span>
        <IconButton size="small" aria-label={label} onClick={onClick} disabled={disabled}>
          {children}
        </IconButton>
      </span>
    </Tooltip>
  );
}
