import {
  Alert,
  Box,
  Checkbox,
  FormControlLabel,
  FormHelperText,
  Stack,
  Switch,
  TextField,
} from '@mui/material';
import type { HealthCheck } from '../api/types';
import {
  BODY_LENGTH,
  NAME_LENGTH,
  passwordAskedAgain,
  type CheckForm,
  type FormErrors,
} from '../model/validation';
import { HostPicker, type HostSearch } from './HostPicker';

/** What every group of fields gets. */
export interface FieldsProps {
  form: CheckForm;
  /** What to show at the fields. */
  errors: FormErrors;
  change: (part: Partial<CheckForm>) => void;
  /** Its field was left, so that its fault may be shown. */
  touch: (field: string) => void;
}

/** The check's name. */
export function NameField({ form, errors, change, touch }: FieldsProps) {
  return (
    <TextField
      label="Name"
      name="name"
      required
      fullWidth
      value={form.name}
      onChange={(event) => change({ name: event.target.value })}
      onBlur={() => touch('name')}
      error={errors.name !== undefined}
      helperText={errors.name ?? 'What a person calls it, such as “Web shop answers”.'}
      slotProps={{ htmlInput: { maxLength: NAME_LENGTH * 2 } }}
      autoComplete="off"
    />
  );
}

/** The fields of a service check. */
export function ServiceFields({
  form,
  errors,
  change,
  touch,
  hosts,
}: FieldsProps & { hosts?: HostSearch | undefined }) {
  return (
    <Stack spacing={2}>
      <TextField
        label="Service name"
        name="service_name"
        required
        fullWidth
        value={form.service_name}
        onChange={(event) => change({ service_name: event.target.value })}
        onBlur={() => touch('service_name')}
        error={errors.service_name !== undefined}
        helperText={errors.service_name ?? 'The systemd unit, such as nginx.service or getty@tty1.service.'}
        autoComplete="off"
        slotProps={{ htmlInput: { spellCheck: false, autoCapitalize: 'none' } }}
      />
      {hosts !== undefined && (
        <HostPicker
          label="Ask another host’s agent (optional)"
          value={form.target_host_id}
          search={hosts}
          onChange={(target_host_id) => change({ target_host_id })}
          error={errors.target_host_id !== undefined}
          helperText={
            errors.target_host_id ?? 'For redundant services: this host waits for the service on another one.'
          }
        />
      )}
    </Stack>
  );
}

/** The fields of an http check. */
export function HttpFields({
  form,
  errors,
  change,
  touch,
  stored,
}: FieldsProps & { stored: HealthCheck | null }) {
  const hasPassword = stored?.has_basic_auth_pass === true && stored.check_type === 'http';
  const again = passwordAskedAgain(form, stored);
  const plain = /^http:\/\//i.test(form.url) && form.basic_auth_user !== '';
  return (
    <Stack spacing={2}>
      <TextField
        label="URL"
        name="url"
        type="url"
        required
        fullWidth
        value={form.url}
        onChange={(event) => change({ url: event.target.value })}
        onBlur={() => touch('url')}
        error={errors.url !== undefined}
        helperText={errors.url ?? 'Asked by the manager, such as https://shop.example:8443/health.'}
        autoComplete="off"
        slotProps={{ htmlInput: { spellCheck: false, autoCapitalize: 'none' } }}
      />
      <TextField
        label="Expected text"
        name="expected_body"
        fullWidth
        value={form.expected_body}
        onChange={(event) => change({ expected_body: event.target.value })}
        onBlur={() => touch('expected_body')}
        error={errors.expected_body !== undefined}
        helperText={
          errors.expected_body ??
          `The answer must hold this text. Leave it empty to look at the status only. ${[...form.expected_body].length}/${BODY_LENGTH}`
        }
        autoComplete="off"
      />
      <Box>
        <FormControlLabel
          control={
            <Switch
              checked={form.ignore_cert_errors}
              onChange={(_, ignore_cert_errors) => change({ ignore_cert_errors })}
            />
          }
          label="Ignore certificate errors"
        />
        <FormHelperText sx={{ mt: 0 }}>
          For this check alone: self-signed, expired or misnamed certificates are accepted.
        </FormHelperText>
      </Box>
      <Stack direction={{ xs: 'column', sm: 'row' }} spacing={2}>
        <TextField
          label="Basic auth user (optional)"
          name="basic_auth_user"
          fullWidth
          value={form.basic_auth_user}
          onChange={(event) => change({ basic_auth_user: event.target.value })}
          onBlur={() => touch('basic_auth_user')}
          error={errors.basic_auth_user !== undefined}
          helperText={
            errors.basic_auth_user ??
            (hasPassword && form.basic_auth_user === ''
              ? 'Without a user the stored password goes too.'
              : undefined)
          }
          autoComplete="off"
        />
        <TextField
          label={again === null ? 'Basic auth password' : 'Basic auth password, again'}
          name="basic_auth_pass"
          type="password"
          fullWidth
          required={again !== null}
          disabled={form.remove_password}
          value={form.basic_auth_pass}
          onChange={(event) => change({ basic_auth_pass: event.target.value })}
          onBlur={() => touch('basic_auth_pass')}
          error={errors.basic_auth_pass !== undefined}
          helperText={
            errors.basic_auth_pass ??
            (hasPassword && !form.remove_password && again === null
              ? 'One is stored. Leave empty to keep it.'
              : undefined)
          }
          autoComplete="new-password"
        />
      </Stack>
      {again !== null && (
        <Alert severity="warning" role="status">
          {again}
        </Alert>
      )}
      {hasPassword && form.basic_auth_user !== '' && (
        <FormControlLabel
          control={
            <Checkbox
              checked={form.remove_password}
              onChange={(_, remove_password) => change({ remove_password, basic_auth_pass: '' })}
            />
          }
          label="Remove the stored password"
        />
      )}
      {plain && (
        <Alert severity="info">
          Over http the user and password can be read on the way. Use https where the service offers it.
        </Alert>
      )}
    </Stack>
  );
}
