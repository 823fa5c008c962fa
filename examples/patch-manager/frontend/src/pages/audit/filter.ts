import type { AuditAction, AuditFilter } from '../../health';

/** An action without a place here does not compile. */
const KNOWN: Readonly<Record<AuditAction, true>> = {
  health_check_created: true,
  health_check_updated: true,
  health_check_deleted: true,
  health_check_tested: true,
  health_check_rekeyed: true,
  gate_overridden: true,
  gate_override_removed: true,
  gate_clock_cleared: true,
  gate_cancelled: true,
  rollout_resumed: true,
  key_registered: true,
  job_created: true,
  job_cancelled: true,
  window_created: true,
  window_updated: true,
  window_deleted: true,
  host_paused: true,
  host_resumed: true,
  token_issued: true,
  token_revoked: true,
  sign_in_failed: true,
  record_unreadable: true,
};

/** Every action of the log. */
export const ACTIONS = Object.keys(KNOWN) as readonly AuditAction[];

/** "Health check created" */
export function actionWords(action: string): string {
  const words = action.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The last hours that can be chosen, in milliseconds. */
export const SPANS = {
  '1h': { word: 'Last hour', ms: 3_600_000 },
  '24h': { word: 'Last 24 hours', ms: 24 * 3_600_000 },
  '7d': { word: 'Last 7 days', ms: 7 * 24 * 3_600_000 },
  '30d': { word: 'Last 30 days', ms: 30 * 24 * 3_600_000 },
} as const;

export type Span = keyof typeof SPANS;

/** What the page shows, as its address holds it. */
export interface AuditView {
  who: string;
  actions: readonly AuditAction[];
  host: string | null;
  outcome: 'allowed' | 'refused' | '';
  /** The last so many hours; `custom` between two instants; empty for all time. */
  span: Span | 'custom' | '';
  from: string;
  until: string;
}

/** Reads an address; what it cannot mean is left out. */
export function viewOf(parameters: URLSearchParams): AuditView {
  const text = (name: string) => parameters.get(name) ?? '';
  const [outcome, span] = [text('outcome'), text('time')];
  return {
    who: text('who'),
    actions: ACTIONS.filter((action) => text('action').split(',').includes(action)),
    host: parameters.get('host'),
    outcome: outcome === 'allowed' || outcome === 'refused' ? outcome : '',
    span: span === 'custom' || Object.hasOwn(SPANS, span) ? (span as AuditView['span']) : '',
    from: instantOf(text('from')),
    until: instantOf(text('until')),
  };
}

function instantOf(text: string): string {
  return Number.isNaN(Date.parse(text)) ? '' : text;
}

/** The address of a view. */
export function parametersOf(view: AuditView): URLSearchParams {
  const custom = view.span === 'custom';
  const members: [string, string][] = [
    ['who', view.who],
    ['action', view.actions.join(',')],
    ['host', view.host ?? ''],
    ['outcome', view.outcome],
    ['time', view.span],
    ['from', custom ? view.from : ''],
    ['until', custom ? view.until : ''],
  ];
  return new URLSearchParams(members.filter(([, value]) => value !== ''));
}

/** What the server is asked for. `now` is when the time was chosen: a filter that moved would be another one. */
export function filterOf(view: AuditView, now: number): AuditFilter {
  const custom = view.span === 'custom';
  const ago = view.span === '' || view.span === 'custom' ? null : SPANS[view.span].ms;
  return {
    hostId: view.host ?? undefined,
    actor: view.who.trim() === '' ? undefined : view.who.trim(),
    actions: view.actions.length === 0 ? undefined : view.actions,
    outcome: view.outcome === '' ? undefined : view.outcome,
    from: ago === null ? (custom && view.from) || undefined : new Date(now - ago).toISOString(),
    until: (custom && view.until) || undefined,
  };
}

/** Whether anything is left out. */
export function isFiltered(view: AuditView): boolean {
  return parametersOf(view).size > 0;
}
