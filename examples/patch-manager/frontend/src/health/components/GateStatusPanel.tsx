import { Alert, Box, Button, Chip, Collapse, Stack, Typography } from '@mui/material';
import { useId, useState, type ReactNode } from 'react';
import type { Evidence, Gate } from '../api/types';
import { useNow } from '../hooks/useNow';
import { agentWords, faultsOf, type Fault } from '../model/faults';
import { failing, gateSentence, isOver, isOverridden, wouldHaveWords, zoneOf } from '../model/gate';
import { count, formatBoth, formatLatency, formatRange, toMillis, UTC, type Zone } from '../model/time';
import { GateTimeline } from './GateTimeline';
import { HealthStatusIcon } from './HealthStatusIcon';
import { ChevronIcon, ClockIcon, HealthyIcon, NoneIcon, ShieldIcon, UnhealthyIcon } from './icons';
import { Countdown } from './RelativeTime';
import { ResultText } from './ResultText';

/** Properties of {@link GateStatusPanel}. */
export interface GateStatusPanelProps {
  /** The gate, as the gates endpoint shows it. */
  gate: Gate;
  /** The zone of the times; the window's own where absent. UTC is always shown beside it. */
  timeZone?: Zone;
  /** The ids of the checks that an agent answers; with them a silent agent is said once, as one cause. */
  services?: ReadonlySet<string>;
  /** Opens the override dialog; absent where the user may not override. */
  onOverride?: (() => void) | undefined;
  /** Takes the override back; absent where the user may not. */
  onTakeBack?: (() => void) | undefined;
  /** The override is being taken back. */
  takingBack?: boolean;
}

/** A gate on one host: where it stands and why, what comes next and when, and how it got there. */
export function GateStatusPanel({
  gate,
  timeZone = zoneOf(gate),
  services,
  onOverride,
  onTakeBack,
  takingBack = false,
}: GateStatusPanelProps) {
  const id = useId();
  const now = useNow();
  const [history, setHistory] = useState(false);
  const waiting = gate.state === 'waiting';
  const opened = now >= toMillis(gate.opens_at);
  const faults = faultsOf(gate.evidence, services);
  const healthy = gate.evidence.filter((entry) => entry.healthy);
  const overridable = failing(gate).some((check) => check.check_id != null);
  const wouldHave = wouldHaveWords(gate);
  const bound = gate.window_kind === 'immediate' ? 'wait' : 'window';
  return (
    <Stack spacing={1.5} data-gate={gate.state}>
      <Stack direction="row" spacing={1} sx={{ alignItems: 'center' }} aria-live="polite">
        <StateIcon gate={gate} />
        <Typography sx={{ fontWeight: 600, overflowWrap: 'anywhere' }}>{gateSentence(gate, now)}</Typography>
      </Stack>
      {waiting && (
        <Box
          sx={{
            display: 'grid',
            gap: 1,
            gridTemplateColumns: { xs: 'repeat(2, minmax(0, 1fr))', sm: 'repeat(3, max-content)' },
          }}
        >
          {!opened && <Moment label="Window opens" instant={gate.opens_at} timeZone={timeZone} />}
          {opened && gate.next_attempt_at != null && (
            <Moment
              label="Next attempt"
              instant={gate.next_attempt_at}
              timeZone={timeZone}
              over="any moment"
            />
          )}
          <Moment
            label={bound === 'window' ? 'Window closes' : 'Wait limit'}
            instant={gate.closes_at}
            timeZone={timeZone}
            over="closing"
          />
          <Tile label="Attempts so far">{gate.attempts.length}</Tile>
        </Box>
      )}
      {gate.state === 'passed' && gate.pass != null && (
        <Box sx={{ display: 'flex', flexWrap: 'wrap', gap: 1 }}>
          <Moment label="Pass valid for" instant={gate.pass.valid_until} timeZone={timeZone} over="expired" />
        </Box>
      )}
      {isOver(gate) && (
        <Typography variant="body2" color="text.secondary">
          {gate.attempts.length === 0
            ? gate.state === 'spent'
              ? 'Passed on recent results'
              : 'No attempt was made'
            : `After ${count(gate.attempts.length, 'attempt')}`}
          ; {bound === 'window' ? 'window' : 'wait limit'}{' '}
          {formatRange(gate.opens_at, gate.closes_at, timeZone)}
          {timeZone.name !== 'UTC' && ` (${formatRange(gate.opens_at, gate.closes_at, UTC)})`}.
        </Typography>
      )}
      {gate.evidence.length > 0 && (
        <Box component="ul" aria-label="Checks of this gate" sx={{ m: 0, p: 0, listStyle: 'none' }}>
          {faults.map((fault, index) => (
            <FaultLine
              key={fault.entry.check_id ?? `${fault.entry.name} ${index}`}
              fault={fault}
              gate={gate}
              advice={waiting}
            />
          ))}
          {healthy.map((check, index) => (
            <CheckLine key={check.check_id ?? `${check.name} ${index}`} check={check} />
          ))}
        </Box>
      )}
      {wouldHave !== null && (
        <Alert severity="warning">
          <strong>Report only:</strong> the gate held nothing back. {wouldHave}
        </Alert>
      )}
      {gate.override != null && (
        <Alert
          severity="warning"
          icon={<ShieldIcon />}
          action={
            onTakeBack !== undefined &&
            !isOver(gate) && (
              <Button color="inherit" size="small" onClick={onTakeBack} loading={takingBack}>
                Take back
              </Button>
            )
          }
        >
          <strong>Override by {gate.override.actor}</strong> for{' '}
          {count(gate.override.check_ids.length, 'check')}, until{' '}
          {formatBoth(gate.override.expires_at, timeZone)}: “{gate.override.reason}”
        </Alert>
      )}
      <Stack direction="row" spacing={1} sx={{ flexWrap: 'wrap' }}>
        {waiting && onOverride !== undefined && overridable && (
          <Button
            size="small"
            variant="outlined"
            color="warning"
            startIcon={<ShieldIcon />}
            onClick={onOverride}
          >
            Override…
          </Button>
        )}
        {gate.attempts.length > 0 && (
          <Button
            size="small"
            aria-expanded={history}
            aria-controls={id}
            onClick={() => setHistory(!history)}
            endIcon={<ChevronIcon sx={{ transform: history ? 'rotate(180deg)' : 'none' }} />}
          >
            Timeline
          </Button>
        )}
      </Stack>
      <Collapse in={history} id={id} unmountOnExit>
        <GateTimeline gate={gate} timeZone={timeZone} />
      </Collapse>
    </Stack>
  );
}

function StateIcon({ gate }: { gate: Gate }) {
  const style = { fontSize: 22 };
  switch (gate.state) {
    case 'waiting':
      return <ClockIcon color="warning" sx={style} />;
    case 'passed':
    case 'spent':
      return gate.kind === 'overridden' || gate.kind === 'report_only' ? (
        <ShieldIcon color="warning" sx={style} />
      ) : (
        <HealthyIcon color="success" sx={style} />
      );
    case 'failed':
      return <UnhealthyIcon color="error" sx={style} />;
    case 'cancelled':
      return <NoneIcon color="disabled" sx={style} />;
  }
}

interface FaultLineProps {
  fault: Fault;
  gate: Gate;
  advice: boolean;
}

/** What is wrong, once, and which checks say it. */
function FaultLine({ fault: { entry, names, agent }, gate, advice }: FaultLineProps) {
  if (names.length === 1 && !agent) {
    return (
      <CheckLine check={entry} overridden={isOverridden(gate, entry)}>
        <ResultText {...entry} advice={advice} />
      </CheckLine>
    );
  }
  const same = gate.evidence.filter(
    (each) => each.check_id != null && each.reason === entry.reason && each.detail === entry.detail,
  );
  const overridden = same.filter((each) => isOverridden(gate, each));
  return (
    <Line healthy={false}>
      <Typography variant="body2" sx={{ fontWeight: 600 }}>
        {agent ? agentWords(entry.reason) : `${names.length} checks have the same fault`}
      </Typography>
      <ResultText {...entry} advice={advice} />
      <Typography variant="body2" color="text.secondary" sx={{ overflowWrap: 'anywhere' }}>
        {names.length === 1 ? 'Check' : 'Checks'}: {names.join(', ')}
        {overridden.length > 0 && ` (overridden: ${overridden.map(({ name }) => name).join(', ')})`}
      </Typography>
    </Line>
  );
}

function Line({ healthy, children }: { healthy: boolean; children: ReactNode }) {
  return (
    <Box component="li" sx={{ display: 'flex', gap: 1, py: 0.5, alignItems: 'flex-start' }}>
      <Box sx={{ pt: '2px', lineHeight: 0 }}>
        <HealthStatusIcon iconOnly status={healthy ? 'healthy' : 'unhealthy'} />
      </Box>
      <Box sx={{ minWidth: 0, flex: 1 }}>{children}</Box>
    </Box>
  );
}

interface CheckLineProps {
  check: Evidence;
  overridden?: boolean;
  children?: ReactNode;
}

function CheckLine({ check, overridden = false, children }: CheckLineProps) {
  return (
    <Line healthy={check.healthy}>
      <Typography variant="body2" component="div" sx={{ overflowWrap: 'anywhere' }}>
        <strong>{check.name}</strong>
        {overridden && (
          <Chip label="Overridden" color="warning" variant="outlined" sx={{ ml: 1, height: 20 }} />
        )}
        {check.check_id == null && (
          <Typography component="span" variant="body2" color="text.secondary">
            {' '}
            · a condition of the patch manager
          </Typography>
        )}
        {check.latency_ms != null && (
          <Typography component="span" variant="body2" color="text.secondary">
            {' '}
            · {formatLatency(check.latency_ms)}
          </Typography>
        )}
      </Typography>
      {children}
    </Line>
  );
}

interface MomentProps {
  label: string;
  instant: string;
  timeZone: Zone;
  over?: string;
}

function Moment({ label, instant, timeZone, over }: MomentProps) {
  return (
    <Tile label={label} note={formatBoth(instant, timeZone)}>
      <Countdown instant={instant} {...(over !== undefined && { over })} />
    </Tile>
  );
}

/** One figure with its name. */
function Tile({ label, note, children }: { label: string; note?: string; children: ReactNode }) {
  return (
    <Box
      sx={{ border: 1, borderColor: 'divider', borderRadius: 1.5, px: 1.5, py: 0.75, minWidth: { sm: 120 } }}
    >
      <Typography variant="caption" color="text.secondary" component="div">
        {label}
      </Typography>
      <Typography variant="h6" component="div" sx={{ lineHeight: 1.3, fontVariantNumeric: 'tabular-nums' }}>
        {children}
      </Typography>
      {note !== undefined && (
        <Typography variant="caption" color="text.secondary" component="div">
          {note}
        </Typography>
      )}
    </Box>
  );
}
