import type { CheckChange, HealthCheck } from '../api/types';
import type { CheckForm } from './validation';

/** The body that creates or tests what the form says: only the fields of its type. */
export function creationBody(form: CheckForm) {
  const common = { name: form.name.trim(), check_type: form.check_type, enabled: form.enabled };
  if (form.check_type === 'service') {
    return {
      ...common,
      service_name: form.service_name,
      ...(form.target_host_id !== null && { target_host_id: form.target_host_id }),
    };
  }
  return {
    ...common,
    url: form.url,
    expected_body: form.expected_body,
    ignore_cert_errors: form.ignore_cert_errors,
    ...(form.basic_auth_user !== '' && {
      basic_auth_user: form.basic_auth_user,
      ...(form.basic_auth_pass !== '' && { basic_auth_pass: form.basic_auth_pass }),
    }),
  };
}

/**
 * The partial body that turns the stored check into what the form says. What has not changed is left
 * out, so that it keeps its value; an absent password keeps the stored one, `null` removes it.
 */
export function changeBody(form: CheckForm, stored: HealthCheck): CheckChange {
  if (form.check_type !== stored.check_type) return creationBody(form);
  const body: CheckChange = {};
  if (form.name.trim() !== stored.name) body.name = form.name.trim();
  if (form.enabled !== stored.enabled) body.enabled = form.enabled;
  if (form.check_type === 'service') {
    if (form.service_name !== stored.service_name) body.service_name = form.service_name;
    if (form.target_host_id !== (stored.target_host_id ?? null)) {
      body.target_host_id = form.target_host_id;
    }
    return body;
  }
  if (form.url !== stored.url) body.url = form.url;
  if (form.expected_body !== stored.expected_body) body.expected_body = form.expected_body;
  if (form.ignore_cert_errors !== stored.ignore_cert_errors) {
    body.ignore_cert_errors = form.ignore_cert_errors;
  }
  const user = form.basic_auth_user === '' ? null : form.basic_auth_user;
  if (user !== (stored.basic_auth_user ?? null)) body.basic_auth_user = user;
  if (form.basic_auth_pass !== '') body.basic_auth_pass = form.basic_auth_pass;
  else if (form.remove_password && stored.has_basic_auth_pass) body.basic_auth_pass = null;
  return body;
}
