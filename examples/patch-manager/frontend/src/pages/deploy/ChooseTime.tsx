import {
  FormControl,
  FormControlLabel,
  FormHelperText,
  FormLabel,
  Radio,
  RadioGroup,
  Stack,
  TextField,
} from '@mui/material';
import type { Host } from '../../app/api/types';
import { useRights, useSettings } from '../../app/api/hooks';
import { fromLocalInput } from '../../app/zoned';
import { count, formatDuration, formatInstant, LOCAL_ZONE, UTC } from '../../health';
import { LEAST_REASON, proposedWindow, type Mode, type Plan, type Timing } from './plan';
import { RolloutFields } from './RolloutFields';

/** Properties of {@link ChooseTime}. */
export interface ChooseTimeProps {
  plan: Plan;
  hosts: readonly Host[];
  onChange: (plan: Plan) => void;
}

/** The second step: each host's own window, now, or a window for this job; and whether in stages. */
export function ChooseTime({ plan, hosts, onChange }: ChooseTimeProps) {
  const windowless = hosts.filter((host) => host.maintenance_window == null).length;
  const longest = useSettings().data?.immediate_max_wait_secs;
  const { canOverride } = useRights();
  const choose = (timing: Timing) =>
    onChange({
      ...plan,
      timing,
      ...(timing === 'explicit' && plan.opens === '' && proposedWindow(Date.now())),
    });
  return (
    <Stack spacing={2} sx={{ px: 2, py: 1.5 }}>
      <FormControl>
        <FormLabel id="deploy-timing">The patch may start</FormLabel>
        <RadioGroup
          aria-labelledby="deploy-timing"
          value={plan.timing}
          onChange={(_, timing) => choose(timing as Timing)}
        >
          <FormControlLabel
            value="maintenance"
            control={<Radio size="small" />}
            label="in each host’s maintenance window, the one that is open or the next"
          />
          {windowless > 0 && (
            <FormHelperText error={plan.timing === 'maintenance'} sx={{ ml: 4, mt: -0.5 }}>
              {count(windowless, 'chosen host')} {windowless === 1 ? 'has' : 'have'} none, so such a job would
              be refused.
            </FormHelperText>
          )}
          <FormControlLabel
            value="immediate"
            control={<Radio size="small" />}
            label={`now, waiting for healthy checks for ${longest === undefined ? 'a limited time' : `at most ${formatDuration(longest * 1_000)}`}`}
          />
          <FormControlLabel
            value="explicit"
            control={<Radio size="small" />}
            label="in a window for this job alone"
          />
        </RadioGroup>
      </FormControl>
      {plan.timing === 'explicit' && (
        <Stack direction={{ xs: 'column', sm: 'row' }} spacing={2}>
          <MomentField label="Opens" value={plan.opens} onChange={(opens) => onChange({ ...plan, opens })} />
          <MomentField
            label="Closes"
            value={plan.closes}
            onChange={(closes) => onChange({ ...plan, closes })}
          />
        </Stack>
      )}
      <FormControl>
        <FormLabel id="deploy-mode">Hosts that are not healthy</FormLabel>
        <RadioGroup
          aria-labelledby="deploy-mode"
          value={plan.mode}
          onChange={(_, mode) => onChange({ ...plan, mode: mode as Mode })}
        >
          <FormControlLabel
            value="patch"
            control={<Radio size="small" />}
            label="wait until they are healthy, and fail with the window"
          />
          <FormControlLabel
            value="dry_run"
            control={<Radio size="small" />}
            label="Dry run: patch nothing; run the checks once and say what would happen"
          />
          {canOverride && (
            <FormControlLabel
              value="report_only"
              control={<Radio size="small" />}
              label="Report only: patch them anyway, although unhealthy (not a dry run)"
            />
          )}
        </RadioGroup>
      </FormControl>
      {plan.mode === 'report_only' && (
        <TextField
          label="Reason"
          required
          value={plan.reason}
          onChange={(event) => onChange({ ...plan, reason: event.target.value })}
          helperText={`Why failing checks are not to stop the patch, in at least ${LEAST_REASON} characters. It is audited with each host.`}
          slotProps={{ htmlInput: { maxLength: 500 } }}
        />
      )}
      {plan.mode !== 'dry_run' && (
        <RolloutFields
          rollout={plan.rollout}
          hosts={hosts.length}
          onChange={(rollout) => onChange({ ...plan, rollout })}
        />
      )}
    </Stack>
  );
}

interface MomentFieldProps {
  label: string;
  value: string;
  onChange: (text: string) => void;
}

function MomentField({ label, value, onChange }: MomentFieldProps) {
  const instant = fromLocalInput(value);
  return (
    <TextField
      label={`${label} (${LOCAL_ZONE.name})`}
      type="datetime-local"
      value={value}
      onChange={(event) => onChange(event.target.value)}
      helperText={instant === null ? 'Give a date and a time.' : `= ${formatInstant(instant, UTC)}`}
      slotProps={{ inputLabel: { shrink: true } }}
      sx={{ minWidth: 280 }}
    />
  );
}
