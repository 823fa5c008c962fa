import type { CheckType, HealthCheck } from '../api/types';

/** The dialog's fields as they are edited. */
export interface CheckForm {
  name: string;
  check_type: CheckType;
  enabled: boolean;
  service_name: string;
  target_host_id: string | null;
  url: string;
  expected_body: string;
  ignore_cert_errors: boolean;
  basic_auth_user: string;
  /** What was typed; empty keeps the stored one. */
  basic_auth_pass: string;
  /** The stored password is to go. */
  remove_password: boolean;
}

/** The messages by field name; a field without one is fine. */
export type FormErrors = Partial<Record<string, string>>;

/** The most characters of a name, and of a basic-auth user. */
export const NAME_LENGTH = 100;
/** The most characters of an expected text. */
export const BODY_LENGTH = 500;

/** The fewest and the most characters of a reason that is audited. */
const SHORTEST_REASON = 10;
const LONGEST_REASON = 500;

/** What is wrong with a reason that is audited. That it is too short counts once it is `submitted`. */
export function reasonFault(reason: string, submitted = true): string | undefined {
  const length = [...reason.trim()].length;
  if (submitted && length < SHORTEST_REASON)
    return `Give a reason of at least ${SHORTEST_REASON} characters.`;
  if (length > LONGEST_REASON) return `Give at most ${LONGEST_REASON} characters.`;
  return undefined;
}

/** An empty form, or the form of a stored check. */
export function formOf(check: HealthCheck | null): CheckForm {
  return {
    name: check?.name ?? '',
    check_type: check?.check_type ?? 'service',
    enabled: check?.enabled ?? true,
    service_name: check?.service_name ?? '',
    target_host_id: check?.target_host_id ?? null,
    url: check?.url ?? '',
    expected_body: check?.expected_body ?? '',
    ignore_cert_errors: check?.ignore_cert_errors ?? true,
    basic_auth_user: check?.basic_auth_user ?? '',
    basic_auth_pass: '',
    remove_password: false,
  };
}

/**
 * What is wrong with the form, by the server's rules. The server has the last word: this
 * only spares people a round trip.
 */
export function validate(form: CheckForm, stored: HealthCheck | null): FormErrors {
  const errors: FormErrors = {};
  const put = (field: string, message: string | null) => {
    if (message !== null) errors[field] = message;
  };
  put('name', nameFault(form.name));
  if (form.check_type === 'service') {
    put('service_name', serviceNameFault(form.service_name));
    return errors;
  }
  put('url', urlFault(form.url));
  put('expected_body', expectedBodyFault(form.expected_body));
  put('basic_auth_user', userFault(form.basic_auth_user));
  if (form.basic_auth_pass !== '' && form.basic_auth_user === '') {
    put('basic_auth_user', 'A password needs a user: give both.');
  }
  if (new TextEncoder().encode(form.basic_auth_pass).length > 1_024) {
    put('basic_auth_pass', 'Give at most 1,024 bytes.');
  }
  if (passwordAskedAgain(form, stored) !== null && form.basic_auth_pass === '') {
    put('basic_auth_pass', 'Enter the password again, or remove it.');
  }
  return errors;
}

/** Why the stored password has to be given again, or `null` where it has not. */
export function passwordAskedAgain(form: CheckForm, stored: HealthCheck | null): string | null {
  if (stored?.has_basic_auth_pass !== true || stored.check_type !== 'http') return null;
  if (form.check_type !== 'http' || form.basic_auth_user === '' || form.remove_password) return null;
  const before = originOf(stored.url ?? '');
  const after = originOf(form.url);
  if (after !== null && before !== after) {
    return `The address now points to ${after}, no longer to ${before ?? 'the old one'}. The stored password is not sent anywhere it was not given for.`;
  }
  if (form.ignore_cert_errors && !stored.ignore_cert_errors) {
    return 'With certificate errors ignored, the password could reach whoever stands in the server’s place. Enter it again to say that you mean it.';
  }
  return null;
}

/** Scheme, host and port, or `null` where the text is no URL. */
export function originOf(url: string): string | null {
  try {
    const parsed = new URL(url);
    return /^https?:$/.test(parsed.protocol) ? parsed.origin : null;
  } catch {
    return null;
  }
}

function nameFault(text: string): string | null {
  const name = text.trim();
  if (name === '') return 'Give a name.';
  if ([...name].length > NAME_LENGTH) return `Give at most ${NAME_LENGTH} characters.`;
  if (/[\p{Cc}\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/u.test(name)) {
    return 'Remove invisible and control characters.';
  }
  return null;
}

function serviceNameFault(name: string): string | null {
  if (name === '') return 'Give the name of a systemd unit, such as nginx.service.';
  if (name.length > 200) return 'Give at most 200 characters.';
  if (/^[A-Za-z0-9][A-Za-z0-9_.@+-]*$/.test(name) && !name.includes('..') && !/@(\.|$)/.test(name)) {
    return null;
  }
  return 'A unit’s name begins with a letter or digit and goes on with letters, digits and _ . @ + -, without “..”; a template needs its instance (getty@tty1.service).';
}

function urlFault(url: string): string | null {
  if (url === '') return 'Give an address such as https://host:8443/health.';
  if (new TextEncoder().encode(url).length > 2_048) return 'Give a URL of at most 2,048 bytes.';
  if (/[\p{Cc}\s]/u.test(url)) return 'Remove spaces and control characters.';
  if (url.includes('\\')) return 'Use / instead of \\.';
  if (!/^https?:\/\//i.test(url)) return 'The address must begin with http:// or https://.';
  const authority = /^[^:]+:\/\/([^/?#]*)/.exec(url)?.[1] ?? '';
  if (authority.includes('@')) return 'Give the user and password in their own fields.';
  if (originOf(url) === null || authority === '' || authority.includes('%')) {
    return 'This is not an address that can be asked.';
  }
  return url.includes('#') ? 'Remove the part from # on.' : null;
}

function expectedBodyFault(text: string): string | null {
  if ([...text].length > BODY_LENGTH) return `Give at most ${BODY_LENGTH} characters.`;
  return text.includes('\0') ? 'Remove the character U+0000.' : null;
}

function userFault(user: string): string | null {
  if ([...user].length > NAME_LENGTH) return `Give at most ${NAME_LENGTH} characters.`;
  return /[:\p{Cc}]/u.test(user) ? 'A user name holds no “:” and no control characters.' : null;
}
