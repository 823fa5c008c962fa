import {
  Alert,
  Autocomplete,
  Button,
  DialogActions,
  DialogContent,
  FormControlLabel,
  FormHelperText,
  MenuItem,
  Stack,
  Switch,
  TextField,
  ToggleButton,
  ToggleButtonGroup,
} from '@mui/material';
import { useEffect, useState, type FormEvent } from 'react';
import { useSaveWindow } from '../../app/api/hooks';
import type { MaintenanceWindow } from '../../app/api/types';
import { fromLocalInput, timeZones } from '../../app/zoned';
import { FormDialog, formatInstant, LOCAL_ZONE, messageOf, ProblemError, UTC } from '../../health';
import { HostsField } from '../hosts/HostsField';
import { bodyOf, faultsOf, formOf, NTHS, WEEKDAYS, type Recurrence, type WindowForm } from './form';

/** Properties of {@link WindowDialog}. */
export interface WindowDialogProps {
  open: boolean;
  /** The window to edit; `null` adds one. */
  window: MaintenanceWindow | null;
  onClose: () => void;
}

/** The most hosts of one window. */
const MOST_HOSTS = 1_000;

/** Adds or edits a maintenance window; it shows the fields of the chosen recurrence only. */
export function WindowDialog(props: WindowDialogProps) {
  const [filled, setFilled] = useState(false);
  return (
    <FormDialog
      open={props.open}
      filled={filled}
      long
      title={
        props.window === null ? 'Add maintenance window' : `Edit maintenance window “${props.window.name}”`
      }
      onClose={props.onClose}
    >
      <Form {...props} onFilled={setFilled} />
    </FormDialog>
  );
}

interface FormProps extends WindowDialogProps {
  onFilled: (filled: boolean) => void;
}

function Form({ window, onClose, onFilled }: FormProps) {
  const [begun] = useState(() => formOf(window));
  const [form, setForm] = useState(begun);
  const [hosts, setHosts] = useState<readonly string[]>(window?.host_ids ?? []);
  const [tried, setTried] = useState(false);
  const save = useSaveWindow();
  const filled = JSON.stringify([form, hosts]) !== JSON.stringify([begun, window?.host_ids ?? []]);
  useEffect(() => onFilled(filled), [onFilled, filled]);
  const refused = save.error instanceof ProblemError ? save.error.fields : [];
  const faults: Partial<Record<string, string>> = {
    ...Object.fromEntries(refused.map((each) => [each.field, each.message])),
    ...(tried && faultsOf(form, hosts.length)),
  };
  const change = (part: Partial<WindowForm>) => {
    setForm((current) => ({ ...current, ...part }));
    save.reset();
  };
  const field = (name: string, hint?: string) => ({
    error: faults[name] !== undefined,
    helperText: faults[name] ?? hint,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (Object.keys(faultsOf(form, hosts.length)).length > 0) return;
    save.mutate({ id: window?.id ?? null, body: bodyOf(form, [...hosts]) }, { onSuccess: onClose });
  };
  const starts = fromLocalInput(form.starts);
  return (
    <form onSubmit={submit} noValidate>
      <DialogContent>
        <Stack spacing={2} sx={{ pt: 1 }}>
          <TextField
            label="Name"
            required
            value={form.name}
            onChange={(event) => change({ name: event.target.value })}
            {...field('name')}
          />
          <TextField
            select
            label="Recurs"
            value={form.recurrence}
            onChange={(event) => change({ recurrence: event.target.value as Recurrence })}
            {...field('recurrence')}
          >
            <MenuItem value="once">Once</MenuItem>
            <MenuItem value="daily">Daily</MenuItem>
            <MenuItem value="weekly">Weekly</MenuItem>
            <MenuItem value="monthly">Monthly</MenuItem>
          </TextField>
          {form.recurrence === 'weekly' && (
            <div>
              <ToggleButtonGroup
                size="small"
                value={form.weekdays}
                onChange={(_, weekdays: string[]) => change({ weekdays })}
                aria-label="Weekdays on which it starts"
                sx={{ flexWrap: 'wrap' }}
              >
                {WEEKDAYS.map(([code, name]) => (
                  <ToggleButton key={code} value={code} aria-label={name} sx={{ px: 1.25 }}>
                    {name.slice(0, 3)}
                  </ToggleButton>
                ))}
              </ToggleButtonGroup>
              <FormHelperText error={faults.weekdays !== undefined}>
                {faults.weekdays ?? 'A window over midnight belongs to the day on which it starts.'}
              </FormHelperText>
            </div>
          )}
          {form.recurrence === 'monthly' && (
            <Stack direction={{ xs: 'column', sm: 'row' }} spacing={2}>
              <TextField
                select
                label="Which day"
                value={form.nth}
                onChange={(event) => change({ nth: Number(event.target.value) })}
                sx={{ minWidth: 180 }}
              >
                {NTHS.map(([nth, name]) => (
                  <MenuItem key={nth} value={nth}>
                    {name}
                  </MenuItem>
                ))}
              </TextField>
              {form.nth !== 0 && (
                <>
                  <TextField
                    select
                    label="Weekday"
                    value={form.nthWeekday}
                    onChange={(event) => change({ nthWeekday: event.target.value })}
                    sx={{ minWidth: 140 }}
                  >
                    {WEEKDAYS.map(([code, name]) => (
                      <MenuItem key={code} value={code}>
                        {name}
                      </MenuItem>
                    ))}
                  </TextField>
                  <TextField
                    label="Days after it"
                    type="number"
                    value={form.offsetDays}
                    onChange={(event) => change({ offsetDays: event.target.value })}
                    slotProps={{ htmlInput: { min: -31, max: 31 } }}
                    {...field('nth_weekday', 'The second Tuesday plus 2 is a Thursday.')}
                  />
                </>
              )}
            </Stack>
          )}
          {form.recurrence === 'monthly' && form.nth === 0 && (
            <TextField
              label="Day of the month"
              type="number"
              value={form.day}
              onChange={(event) => change({ day: event.target.value })}
              slotProps={{ htmlInput: { min: 1, max: 31 } }}
              {...field('day_of_month', 'In a shorter month it is the last day.')}
            />
          )}
          {form.recurrence === 'once' ? (
            <TextField
              label={`Starts (${LOCAL_ZONE.name})`}
              type="datetime-local"
              value={form.starts}
              onChange={(event) => change({ starts: event.target.value })}
              slotProps={{ inputLabel: { shrink: true } }}
              {...field('starts_at', starts === null ? undefined : `= ${formatInstant(starts, UTC)}`)}
            />
          ) : (
            <>
              <Stack direction={{ xs: 'column', sm: 'row' }} spacing={2}>
                <TextField
                  label="Starts at"
                  type="time"
                  value={form.time}
                  onChange={(event) => change({ time: event.target.value })}
                  slotProps={{ inputLabel: { shrink: true } }}
                  sx={{ minWidth: 140 }}
                  {...field('start_time')}
                />
                <Autocomplete
                  options={timeZones()}
                  value={form.zone}
                  disableClearable
                  onChange={(_, zone) => change({ zone })}
                  sx={{ flex: 1 }}
                  renderInput={(params) => (
                    <TextField {...params} label="Time zone" {...field('time_zone')} />
                  )}
                />
              </Stack>
              <TextField
                label="Not before (optional)"
                type="date"
                value={form.firstDate}
                onChange={(event) => change({ firstDate: event.target.value })}
                slotProps={{ inputLabel: { shrink: true } }}
                {...field('first_date', 'The first day on which it may start; today where it is empty.')}
              />
            </>
          )}
          <TextField
            label="Lasts (minutes)"
            type="number"
            required
            value={form.minutes}
            onChange={(event) => change({ minutes: event.target.value })}
            slotProps={{ htmlInput: { min: 1, max: 10_080 } }}
            {...field('duration_minutes', 'Time that passes, also when the clocks change in between.')}
          />
          <HostsField ids={hosts} onChange={setHosts} most={MOST_HOSTS} fault={faults.host_ids} />
          <FormControlLabel
            control={<Switch checked={form.enabled} onChange={(_, enabled) => change({ enabled })} />}
            label="Enabled"
          />
          {save.isError && (
            <Alert severity="error" role="alert">
              {messageOf(save.error)}
            </Alert>
          )}
        </Stack>
      </DialogContent>
      <DialogActions>
        <Button onClick={onClose}>Cancel</Button>
        <Button type="submit" variant="contained" loading={save.isPending}>
          {window === null ? 'Add window' : 'Save'}
        </Button>
      </DialogActions>
    </form>
  );
}
