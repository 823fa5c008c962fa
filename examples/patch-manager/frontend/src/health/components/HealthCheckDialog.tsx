import {
  Alert,
  Box,
  Button,
  DialogActions,
  DialogContent,
  FormControlLabel,
  FormHelperText,
  Stack,
  Switch,
  ToggleButton,
  ToggleButtonGroup,
  Typography,
} from '@mui/material';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { messageOf, ProblemError } from '../api/problem';
import type { HealthCheck } from '../api/types';
import { useSaveCheck, useTestCheck, type SaveCheck, type TestCheck } from '../hooks/useChecks';
import { changeBody, creationBody } from '../model/body';
import { formOf, validate, type CheckForm, type FormErrors } from '../model/validation';
import { FormDialog } from './FormDialog';
import { HttpFields, NameField, ServiceFields } from './CheckFields';
import type { HostSearch } from './HostPicker';
import { TestResult } from './TestResult';

/** Properties of {@link HealthCheckDialog}. */
export interface HealthCheckDialogProps {
  /** Whether it is shown. */
  open: boolean;
  /** The host that the check belongs to. */
  hostId: string;
  /** Its name, for the title. */
  hostName: string;
  /** The check to edit; `null` adds one. */
  check: HealthCheck | null;
  /** Finds hosts to ask instead of the check's own. Without it, that field is left out. */
  hosts?: HostSearch | undefined;
  /** The longest that a run takes, in seconds. */
  timeout?: number;
  /** Called when it closes, saved or not. */
  onClose: () => void;
  /** Called with the check once it is saved. */
  onSaved?: ((check: HealthCheck) => void) | undefined;
}

/**
 * Adds or edits a check. It shows the fields of the chosen type only, judges them as the server does,
 * puts the server's refusals at their fields, and can test what is not saved yet.
 */
export function HealthCheckDialog(props: HealthCheckDialogProps) {
  const [filled, setFilled] = useState(false);
  return (
    <FormDialog
      open={props.open}
      filled={filled}
      long
      title={
        <>
          {props.check === null ? 'Add health check' : `Edit health check “${props.check.name}”`}
          <Typography variant="body2" color="text.secondary" component="span" sx={{ display: 'block' }}>
            on {props.hostName}
          </Typography>
        </>
      }
      onClose={props.onClose}
    >
      {/* The form's state lives as long as the dialog is open, and begins anew with each check. */}
      <Form key={props.check?.id ?? 'new'} {...props} onFilled={setFilled} />
    </FormDialog>
  );
}

interface FormProps extends HealthCheckDialogProps {
  onFilled: (filled: boolean) => void;
}

function Form({ hostId, check, hosts, onClose, onSaved, timeout, onFilled }: FormProps) {
  // The check as it was when the dialog opened: a later change by another is told by the server (412).
  const [stored, setStored] = useState(check);
  const [form, setForm] = useState(() => formOf(check));
  const [shown, setShown] = useState<ReadonlySet<string>>(new Set());
  const [refused, setRefused] = useState<FormErrors>({});
  const save = useSaveCheck(hostId);
  const test = useTestCheck(hostId);
  const testing = useRef<AbortController | null>(null);
  const formRef = useRef<HTMLFormElement>(null);
  useEffect(() => () => testing.current?.abort(), []);
  const filled = JSON.stringify(form) !== JSON.stringify(formOf(stored));
  useEffect(() => onFilled(filled), [onFilled, filled]);

  const faults = validate(form, stored);
  const errors: FormErrors = { ...refused };
  for (const field of shown) errors[field] ??= faults[field];
  const hidden = Object.entries(refused).filter(([field]) => !visibleFields(form).has(field));

  const change = (part: Partial<CheckForm>) => {
    setForm((current) => ({ ...current, ...part }));
    setRefused((current) => {
      const rest = { ...current };
      for (const field of Object.keys(part)) delete rest[field];
      if ('url' in part || 'ignore_cert_errors' in part) delete rest.basic_auth_pass;
      return rest;
    });
    test.reset();
  };
  const touch = (field: string) => setShown((current) => new Set(current).add(field));

  /** Shows everything that is wrong and leads to the first of it; answers whether nothing is. */
  const complete = (): boolean => {
    const wrong = Object.keys(faults);
    setShown(new Set(wrong));
    if (wrong.length > 0) focusField(formRef.current, wrong);
    return wrong.length === 0;
  };
  const takeRefusal = (error: unknown) => {
    if (!(error instanceof ProblemError)) return;
    const fields: FormErrors = {};
    for (const each of error.fields) fields[each.field] ??= each.message;
    if (error.code === 'password_required') fields.basic_auth_pass ??= error.message;
    setRefused(fields);
    focusField(formRef.current, Object.keys(fields));
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!complete()) return;
    const change: SaveCheck =
      stored === null
        ? { check: null, body: creationBody(form) }
        : { check: stored, body: changeBody(form, stored) };
    if (stored !== null && Object.keys(change.body).length === 0) {
      onClose();
      return;
    }
    save.mutate(change, {
      onSuccess: (saved) => {
        onSaved?.(saved);
        onClose();
      },
      onError: takeRefusal,
    });
  };
  const runTest = () => {
    if (!complete()) return;
    const stop = new AbortController();
    testing.current = stop;
    const run: TestCheck =
      stored === null
        ? { check: null, body: creationBody(form) }
        : { check: stored, body: changeBody(form, stored) };
    test.mutate({ ...run, signal: stop.signal }, { onError: takeRefusal });
  };
  const stopTest = () => {
    testing.current?.abort();
    test.reset();
  };

  const outdated = save.error instanceof ProblemError && save.error.status === 412;
  const testError = isAbort(test.error) ? undefined : test.error;
  const common = { form, errors, change, touch };
  return (
    <Box
      component="form"
      ref={formRef}
      noValidate
      onSubmit={submit}
      sx={{ display: 'flex', flexDirection: 'column', minHeight: 0, flex: 1 }}
    >
      <DialogContent>
        <Stack spacing={2} sx={{ pt: 1 }}>
          {outdated && (
            <Alert
              severity="warning"
              action={
                check !== null &&
                check.revision !== stored?.revision && (
                  <Button
                    color="inherit"
                    size="small"
                    onClick={() => {
                      setStored(check);
                      setForm(formOf(check));
                      save.reset();
                    }}
                  >
                    Load it
                  </Button>
                )
              }
            >
              Somebody else has changed this check since you opened it. Load the new version and make your
              change again.
            </Alert>
          )}
          <NameField {...common} />
          <Box>
            <ToggleButtonGroup
              exclusive
              size="small"
              value={form.check_type}
              aria-label="Type of check"
              onChange={(_, type: CheckForm['check_type'] | null) => {
                if (type !== null) {
                  setShown(new Set());
                  change({ check_type: type });
                }
              }}
            >
              <ToggleButton value="service">Service</ToggleButton>
              <ToggleButton value="http">HTTP</ToggleButton>
            </ToggleButtonGroup>
            <FormHelperText>
              {form.check_type === 'service'
                ? 'Healthy while the host’s agent reports that the systemd unit is running.'
                : 'Healthy while the address answers with success (2xx) and the expected text.'}
            </FormHelperText>
            {stored !== null && stored.check_type !== form.check_type && (
              <FormHelperText>Saving clears the fields of the other type.</FormHelperText>
            )}
          </Box>
          {form.check_type === 'service' ? (
            <ServiceFields {...common} hosts={hosts} />
          ) : (
            <HttpFields {...common} stored={stored} />
          )}
          <Box>
            <FormControlLabel
              control={<Switch checked={form.enabled} onChange={(_, enabled) => change({ enabled })} />}
              label="Enabled"
            />
            <FormHelperText sx={{ mt: 0 }}>
              A disabled check is not run, counts nowhere, and holds no patch back.
            </FormHelperText>
          </Box>
          <TestResult
            timeout={timeout}
            running={test.isPending}
            result={test.data}
            error={testError instanceof ProblemError && testError.fields.length > 0 ? undefined : testError}
            onCancel={stopTest}
          />
          {save.isError && !outdated && (
            <Alert severity="error" role="alert">
              {messageOf(save.error)}
              {hidden.map(([field, message]) => (
                <div key={field}>
                  {field === '' ? '' : `${field}: `}
                  {message}
                </div>
              ))}
            </Alert>
          )}
        </Stack>
      </DialogContent>
      <DialogActions>
        <Button onClick={runTest} disabled={test.isPending || save.isPending} sx={{ mr: 'auto' }}>
          Test
        </Button>
        <Button onClick={onClose} disabled={save.isPending}>
          Cancel
        </Button>
        <Button type="submit" variant="contained" loading={save.isPending}>
          {stored === null ? 'Add check' : 'Save'}
        </Button>
      </DialogActions>
    </Box>
  );
}

function visibleFields(form: CheckForm): Set<string> {
  return new Set(
    form.check_type === 'service'
      ? ['name', 'service_name', 'target_host_id']
      : ['name', 'url', 'expected_body', 'basic_auth_user', 'basic_auth_pass'],
  );
}

function focusField(form: HTMLFormElement | null, fields: readonly string[]): void {
  const inputs = form?.querySelectorAll<HTMLElement>('[name]') ?? [];
  for (const input of inputs) {
    if (fields.includes(input.getAttribute('name') ?? '')) {
      input.focus();
      return;
    }
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
