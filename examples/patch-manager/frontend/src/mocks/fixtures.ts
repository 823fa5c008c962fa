import type { Host, Job, JobHost } from '../app/api/types';
import type { CheckResult, Evidence, Gate, HealthCheck, HistoryResult, HostPreview } from '../health';

/** An instant so many seconds from now (negative: ago). */
export function at(seconds: number): string {
  return new Date(Date.now() + seconds * 1_000).toISOString();
}

/** A UUID that is the same each time. */
export function id(number: number): string {
  return `0199b3a0-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
}

export const HOST_ID = id(1);
export const JOB_ID = id(0xa01);

export function makeResult(part: Partial<CheckResult> = {}): CheckResult {
  return {
    healthy: true,
    reason: 'ok',
    observed: true,
    detail: 'active/running, enabled',
    latency_ms: 12,
    checked_at: at(-42),
    ...part,
  };
}

export function makeCheck(part: Partial<HealthCheck> = {}): HealthCheck {
  return {
    id: id(0x101),
    host_id: HOST_ID,
    name: 'nginx',
    check_type: 'service',
    enabled: true,
    service_name: 'nginx.service',
    url: null,
    expected_body: null,
    ignore_cert_errors: true,
    basic_auth_user: null,
    has_basic_auth_pass: false,
    target_host_id: null,
    created_at: at(-90_000),
    updated_at: at(-90_000),
    revision: 1,
    status: 'healthy',
    since: at(-7_200),
    last_result: makeResult(),
    unreadable: [],
    ...part,
  };
}

export function makeHttpCheck(part: Partial<HealthCheck> = {}): HealthCheck {
  return makeCheck({
    id: id(0x102),
    name: 'Web shop answers',
    check_type: 'http',
    service_name: null,
    url: 'https://shop.example:8443/health',
    expected_body: 'ready',
    basic_auth_user: 'monitor',
    has_basic_auth_pass: true,
    ...part,
  });
}

/** Four days of results every five minutes, newest first, with an outage and a gap. */
export function makeHistory(seed = 0, step = 300): HistoryResult[] {
  const results: HistoryResult[] = [];
  const steps = (4 * 24 * 3_600) / step;
  for (let index = 0; index < steps; index += 1) {
    const hour = (index * step) / 3_600;
    if (hour > 50 + seed && hour < 57 + seed) continue;
    const failed = (hour > 20 && hour < 22.5) || (seed > 0 && hour > 70 && hour < 70.4);
    results.push({
      ...makeResult({
        checked_at: at(-index * step - 20),
        latency_ms: failed ? 10_000 : 9 + Math.round(6 * Math.abs(Math.sin(index / 9 + seed))) + (index % 7),
        ...(failed && {
          healthy: false,
          reason: 'timeout_connect',
          observed: false,
          detail: 'no connection within 10 s',
        }),
      }),
      source: index % 40 === 0 ? 'gate' : 'poll',
    });
  }
  return results;
}

export function makeEvidence(part: Partial<Evidence> = {}): Evidence {
  return {
    check_id: id(0x101),
    name: 'nginx',
    healthy: true,
    reason: 'ok',
    observed: true,
    detail: 'active/running, enabled',
    latency_ms: 12,
    checked_at: at(-30),
    ...part,
  };
}

export const FAILING: Evidence = makeEvidence({
  check_id: id(0x103),
  name: 'postgresql',
  healthy: false,
  reason: 'service_unhealthy',
  detail: 'failed/failed, enabled',
  latency_ms: 31,
});

export function makeGate(part: Partial<Gate> = {}): Gate {
  const evidence = [makeEvidence(), FAILING];
  return {
    job_id: JOB_ID,
    host_id: HOST_ID,
    state: 'waiting',
    kind: null,
    opens_at: at(-900),
    closes_at: at(1_500),
    time_zone: null,
    utc_offsets: [],
    window_kind: 'maintenance',
    report_only: false,
    exempt: false,
    cancel_requested: false,
    created_at: at(-900),
    next_attempt_at: at(122),
    ended_at: null,
    end_reason: null,
    detail: 'waiting for healthy checks: postgresql: service_unhealthy',
    evidence,
    notes: [],
    attempts: [1, 2, 3].map((number) => ({
      number,
      started_at: at(-900 + (number - 1) * 300),
      finished_at: at(-899 + (number - 1) * 300),
      outcome: 'finished' as const,
      checks: evidence,
    })),
    override: null,
    pass: null,
    ...part,
  };
}

export function makePreview(part: Partial<HostPreview> = {}): HostPreview {
  return {
    host_id: HOST_ID,
    decision: 'proceed',
    kind: 'healthy',
    opens_at: at(-60),
    closes_at: at(3_540),
    time_zone: null,
    utc_offsets: [],
    not_open: false,
    window_too_short: false,
    blocking: [],
    ...part,
  };
}

export function makeHost(part: Partial<Host> = {}): Host {
  return {
    id: HOST_ID,
    name: 'web-01',
    address: '10.0.4.11',
    agent_port: 12_443,
    agent_identity: null,
    groups: ['web'],
    paused: null,
    health: { status: 'healthy', healthy: 3, unhealthy: 0, unknown: 0, total: 3, oldest_checked_at: at(-90) },
    failing: [],
    maintenance_window: { opens_at: at(-900), closes_at: at(1_500) },
    ...part,
  };
}

export function makeJobHost(part: Partial<JobHost> = {}): JobHost {
  return {
    host_id: HOST_ID,
    host_name: 'web-01',
    status: 'waiting_health_check',
    detail: 'waiting for healthy checks: postgresql: service_unhealthy',
    started_at: null,
    finished_at: null,
    gate: makeGate(),
    verification: null,
    blocked_by: null,
    ...part,
  };
}

export function makeJob(part: Partial<Job> = {}): Job {
  return {
    id: JOB_ID,
    kind: 'patch',
    status: 'running',
    created_by: 'ada',
    created_at: at(-905),
    window: null,
    immediate: false,
    name: null,
    report_only: false,
    dry_run: false,
    rollout: null,
    reason: null,
    cancelled_at: null,
    host_count: 1,
    counts: { waiting_health_check: 1 },
    hosts: [makeJobHost()],
    ...part,
  };
}
