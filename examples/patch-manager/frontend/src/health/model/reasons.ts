import type { ReasonCode } from '../api/types';

/** What each reason code says to people, and what they can do about it. */
export interface ReasonWords {
  /** A few words: what happened. */
  title: string;
  /** What a person would do next. */
  advice: string;
  /** The run says nothing of the target, so that a status made from it is `unknown`. */
  unknown?: boolean;
}

const slow = 'See whether the target is overloaded or hung, and what stands between it and the manager.';
const certificate =
  'Renew or replace the certificate; ignoring certificate errors helps for this check alone.';

/** A code of the vocabulary without words here does not compile. */
const WORDS: Readonly<Record<ReasonCode, ReasonWords>> = {
  ok: { title: 'Healthy', advice: '' },
  service_unhealthy: {
    title: 'Service is not running',
    advice: 'Look at the unit on the host: systemctl status, and its journal.',
  },
  service_not_found: {
    title: 'No such service on the host',
    advice: 'Correct the unit’s name in the check, or install the service.',
  },
  service_name_invalid: {
    title: 'The agent refuses this service name',
    advice: 'Correct the unit’s name in the check.',
  },
  status: {
    title: 'The answer was not a success (2xx)',
    advice: 'Look at the service’s own log, and whether the check’s address and user are right.',
  },
  body_mismatch: {
    title: 'The expected text is missing',
    advice: 'Compare what the page shows with the check’s expected text.',
  },
  body_missing: {
    title: 'The answer has no body',
    advice: 'Let the address answer with a body, or leave the expected text empty.',
  },
  body_too_large: {
    title: 'The expected text did not come early enough',
    advice: 'Point the check at a smaller page, or expect a text nearer to its beginning.',
  },
  dns: {
    title: 'The name does not exist',
    advice: 'Correct the host name in the address, or give it an address in the DNS.',
  },
  resolver_failed: {
    title: 'The name server does not answer',
    advice: 'See whether the manager’s name servers work; the name itself may be right.',
  },
  connect: {
    title: 'No connection',
    advice: 'See whether the service listens, and whether a firewall lets the manager through.',
  },
  timeout_dns: {
    title: 'Timed out resolving the name',
    advice: 'See whether the manager’s name server answers.',
  },
  timeout_connect: {
    title: 'Timed out connecting',
    advice: 'See whether the host is up, and whether a firewall drops the manager’s packets.',
  },
  timeout_head: { title: 'Timed out waiting for an answer', advice: slow },
  timeout_body: { title: 'Timed out reading the answer', advice: slow },
  tls_untrusted: { title: 'The certificate is not trusted', advice: certificate },
  tls_expired: { title: 'The certificate has expired', advice: certificate },
  tls_not_yet_valid: {
    title: 'The certificate is not valid yet',
    advice: 'Compare the clocks of the target and the manager, or replace the certificate.',
  },
  tls_name: {
    title: 'The certificate is for another name',
    advice: 'Use the name that the certificate holds, or issue one for this name.',
  },
  tls_refused: {
    title: 'The peer refuses the manager’s certificate',
    advice: 'See whether the manager’s client certificate has expired or was revoked.',
  },
  tls_other: { title: 'The TLS connection failed', advice: 'See the detail, and the target’s log.' },
  protocol: {
    title: 'The answer is not HTTP/1.1',
    advice: 'See whether the port is the right one: something else may listen there.',
  },
  body_truncated: {
    title: 'The answer broke off',
    advice: 'See whether the service or a proxy before it closes connections early.',
  },
  encoding_refused: {
    title: 'The body is compressed though none was asked for',
    advice: 'Switch compression off for this address.',
  },
  redirect_refused: {
    title: 'The answer redirects elsewhere',
    advice: 'Put the address that it redirects to into the check.',
  },
  destination_refused: {
    title: 'The manager is not allowed to connect to this address',
    advice: 'Use another address, or let an administrator allow the network.',
  },
  agent_error: {
    title: 'The agent failed',
    advice: 'Look at the agent’s log on the host; restart it if need be.',
  },
  agent_refused: {
    title: 'The agent refuses this manager',
    advice: 'Add the manager’s address to the agent’s list of those it trusts.',
  },
  agent_rate_limited: {
    title: 'The agent limits the rate',
    advice: 'Wait a moment; ask less often if it goes on.',
  },
  agent_unsupported: { title: 'The agent is too old for this', advice: 'Update the agent on the host.' },
  agent_bad_reply: {
    title: 'The agent’s answer cannot be read',
    advice: 'See whether something else listens on the agent’s port; update the agent.',
  },
  secret_unreadable: {
    title: 'The stored password does not open',
    advice: 'Enter the password again, or give the manager back the key it was stored with.',
  },
  check_unreadable: {
    title: 'The stored check cannot be read',
    advice: 'Edit the check and give every field that is named anew, or delete it.',
  },
  target_missing: {
    title: 'The host to be asked is gone',
    advice: 'Choose another host in the check, or delete it.',
  },
  interrupted: {
    title: 'The run was interrupted',
    advice: 'Nothing to do: the next run will tell.',
    unknown: true,
  },
  no_resources: {
    title: 'The manager is out of resources',
    advice: 'Raise the manager’s limit of open files, or its memory; the target was not asked.',
    unknown: true,
  },
  internal: {
    title: 'A fault of the manager',
    advice: 'Look at the manager’s log for this check.',
    unknown: true,
  },
  no_result: {
    title: 'No result yet',
    advice: 'Wait for the first run, or test the check now.',
    unknown: true,
  },
  stale: {
    title: 'The last result is too old',
    advice: 'See whether the worker is running; test the check now.',
    unknown: true,
  },
  clock: {
    title: 'The last result is dated in the future',
    advice: 'Compare the clocks of the manager’s machines.',
    unknown: true,
  },
  not_run_capacity: {
    title: 'No capacity to run the check',
    advice: 'Spread the windows, or raise the number of checks at a time.',
    unknown: true,
  },
  gate_busy: {
    title: 'Another job holds the host',
    advice: 'Wait for the other job, or cancel it.',
    unknown: true,
  },
  host_disturbed: {
    title: 'A job is changing the host',
    advice: 'Wait until that job has ended. The checks then run again.',
    unknown: true,
  },
};

/**
 * The words for a code. A condition of the application's own brings a reason that is no code of the
 * vocabulary: it is shown as it is.
 */
export function reasonWords(code: string): ReasonWords {
  return isReason(code) ? WORDS[code] : { title: humanize(code), advice: '' };
}

/** A sentence of the server with its reason codes in words: "nginx: service is not running". */
export function plainReasons(text: string): string {
  return text.replace(/(?<=: )[a-z][a-z_0-9]*(?=;|,|$)/g, (code) => {
    if (!isReason(code)) return code;
    const { title } = WORDS[code];
    return title.charAt(0).toLowerCase() + title.slice(1);
  });
}

function isReason(code: string): code is ReasonCode {
  return Object.hasOwn(WORDS, code);
}

function humanize(code: string): string {
  const words = code.replaceAll('_', ' ').trim();
  return words === '' ? 'Unknown reason' : words.charAt(0).toUpperCase() + words.slice(1);
}
