import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  at,
  FAILING,
  makeCheck,
  makeEvidence,
  makeGate,
  makeHttpCheck,
  makePreview,
  makeResult,
} from '../../mocks/fixtures';
import type { Evidence, HistoryResult, ReasonCode, VerificationState, VerifiedCheck } from '../api/types';
import { changeBody, creationBody } from './body';
import { noteServerTime, serverNow } from './clock';
import { gateSentence } from './gate';
import { bucketize, bucketKind, bucketWords, historySentence } from './history';
import { latencyColumns } from './latency';
import { groupPreview } from './preview';
import { reasonWords } from './reasons';
import { verificationSentence, verifiedReason } from './verification';
import { hostWords } from './status';
import {
  formatAge,
  formatBoth,
  formatCountdown,
  formatDuration,
  formatInstant,
  formatLatency,
  formatRange,
  formatShort,
  UTC,
  type Zone,
} from './time';
import { formOf, passwordAskedAgain, validate } from './validation';

afterEach(() => {
  vi.useRealTimers();
  noteServerTime(new Date().toUTCString());
});

describe('times', () => {
  const instant = '2026-11-24T13:03:22.000000Z';
  const now = Date.parse(instant);

  test.each([
    [0, 'just now'],
    [12_400, '12 s ago'],
    [59_999, '59 s ago'],
    [60_000, '1 min ago'],
    [3_600_000, '1 h ago'],
    [11_520_000, '3 h 12 min ago'],
    [187_200_000, '2 d 4 h ago'],
    [-12_000, 'in 12 s'],
  ])('%d ms later it is "%s"', (later, words) => {
    expect(formatAge(instant, now + later)).toBe(words);
  });

  test.each([
    [-5, '0 s'],
    [1, '1 s'],
    [272_000, '4 min 32 s'],
    [3_872_000, '1 h 4 min'],
    [183_845_000, '2 d 3 h'],
  ])('%d ms are left as "%s"', (left, words) => {
    expect(formatCountdown(left)).toBe(words);
  });

  const local = (name: string): Zone => ({ name, offsets: [] });
  const berlin: Zone = {
    name: 'Europe/Berlin',
    offsets: [
      { from: '2026-01-01T00:00:00.000000Z', seconds: 3_600, abbreviation: 'CET' },
      { from: '2026-03-29T01:00:00.000000Z', seconds: 7_200, abbreviation: 'CEST' },
      { from: '2026-10-25T01:00:00.000000Z', seconds: 3_600, abbreviation: 'CET' },
    ],
  };

  test('an instant always has its zone, through the change of the clocks too', () => {
    expect(formatInstant(instant, berlin)).toBe('Tue 24 Nov 2026, 14:03:22 CET');
    expect(formatInstant(instant, UTC)).toBe('Tue 24 Nov 2026, 13:03:22 UTC');
    expect(formatShort('2026-10-25T00:30:00Z', berlin)).toBe('Sun 25 Oct, 02:30 CEST');
    expect(formatShort('2026-10-25T01:30:00Z', berlin)).toBe('Sun 25 Oct, 02:30 CET');
  });

  test('a zone has the name that people know, wherever it is', () => {
    const winter = '2026-01-15T12:00:00Z';
    const summer = '2026-07-15T12:00:00Z';
    expect(formatShort(winter, local('America/New_York'))).toBe('Thu 15 Jan, 07:00 EST');
    expect(formatShort(summer, local('America/New_York'))).toBe('Wed 15 Jul, 08:00 EDT');
    expect(formatShort(winter, local('Australia/Sydney'))).toBe('Thu 15 Jan, 23:00 AEDT');
    expect(formatShort(summer, local('Europe/London'))).toBe('Wed 15 Jul, 13:00 BST');
    expect(formatShort(winter, local('Asia/Tokyo'))).toBe('Thu 15 Jan, 21:00 GMT+9');
  });

  test("the server's rules count, whatever the browser's data says or lacks", () => {
    const from = '2026-11-01T00:00:00.000000Z';
    const by = (name: string, seconds: number, abbreviation: string): Zone => ({
      name,
      offsets: [{ from, seconds, abbreviation }],
    });
    expect(formatInstant(instant, by('Europe/Berlin', 10_800, 'XST'))).toBe('Tue 24 Nov 2026, 16:03:22 XST');
    expect(formatInstant(instant, by('Nowhere/Atall', -12_600, '-0330'))).toBe(
      'Tue 24 Nov 2026, 09:33:22 GMT-0330',
    );
    // Its name is the browser's own where the clocks show the same, and none where they do not.
    expect(formatShort(instant, by('Pacific/Chatham', 49_500, '+1345'))).toBe('Wed 25 Nov, 02:48 CHADT');
    expect(formatShort(instant, by('Pacific/Chatham', 45_900, '+1245'))).toBe('Wed 25 Nov, 01:48 GMT+1245');
    expect(formatRange(instant, '2026-11-24T22:30:00Z', by('Europe/Berlin', 39_600, 'XST'))).toBe(
      'Wed 25 Nov, 00:03 – 09:30 XST',
    );
  });

  test('UTC stands beside it, with its day where that is another one', () => {
    expect(formatBoth('2026-01-15T12:00:00Z', local('America/New_York'))).toBe(
      'Thu 15 Jan, 07:00 EST · 12:00 UTC',
    );
    expect(formatBoth('2026-01-15T02:00:00Z', local('America/New_York'))).toBe(
      'Wed 14 Jan, 21:00 EST · Thu 15 Jan, 02:00 UTC',
    );
    expect(formatBoth('2026-01-15T12:00:00Z', UTC)).toBe('Thu 15 Jan, 12:00 UTC');
  });

  test('a range says each part once, and both zones where the clocks change in it', () => {
    const range = (from: string, to: string, zone = berlin) => formatRange(from, to, zone);
    expect(range('2026-11-24T21:00:00Z', '2026-11-24T22:30:00Z')).toBe('Tue 24 Nov, 22:00 – 23:30 CET');
    expect(range('2026-11-24T21:00:00Z', '2026-11-25T01:00:00Z')).toBe(
      'Tue 24 Nov, 22:00 – Wed 25 Nov, 02:00 CET',
    );
    expect(range('2026-11-24T21:00:10Z', '2026-11-24T21:00:40Z')).toBe('Tue 24 Nov, 22:00:10 – 22:00:40 CET');
    expect(range('2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z')).toBe('Sun 25 Oct, 02:30 CEST – 02:30 CET');
    expect(range('2026-03-29T00:30:00Z', '2026-03-29T01:30:00Z')).toBe('Sun 29 Mar, 01:30 CET – 03:30 CEST');
  });

  test('durations and latencies', () => {
    expect(formatDuration(-1)).toBe('0 s');
    expect(formatLatency(0)).toBe('< 1 ms');
    expect(formatLatency(999)).toBe('999 ms');
    expect(formatLatency(1_240)).toBe('1.24 s');
  });

  test("the server's clock counts where the browser's is wrong", () => {
    const received = Date.parse('2026-11-24T13:00:00Z');
    vi.useFakeTimers({ now: received });
    noteServerTime('Tue, 24 Nov 2026 13:10:00 GMT', received);
    expect(serverNow()).toBe(received + 600_500);
    noteServerTime('Tue, 24 Nov 2026 13:00:01 GMT', received);
    expect(serverNow()).toBe(received);
    noteServerTime('no date', received);
    expect(serverNow()).toBe(received);
  });
});

describe('the form is judged as the server does', () => {
  const service = (service_name: string) => validate({ ...formOf(null), name: 'x', service_name }, null);
  const http = (url: string) =>
    validate({ ...formOf(null), name: 'x', check_type: 'http', url, expected_body: '' }, null);
  const named = (name: string) => validate({ ...formOf(null), name, service_name: 'x' }, null);

  test.each(['foo', 'foo@bar.service', 'foo.socket', 'getty@tty1', '0a', 'a+b_c-d', 'a'.repeat(200)])(
    'the unit %s is fine',
    (name) => expect(service(name)).toEqual({}),
  );

  test.each(['', '../../x', 'a/b', '%2e', '?x', '#', 'ünit', '.a', '-a', 'a..b', 'a b', 'x@.service', 'x@'])(
    'the unit "%s" is refused',
    (name) => expect(service(name)).toHaveProperty('service_name'),
  );

  test.each(['http://a', 'https://[::1]:8443/x?y=1', 'HTTP://Example.COM', `http://a/${'x'.repeat(2_000)}`])(
    'the URL %s is fine',
    (url) => expect(http(url)).toEqual({}),
  );

  test.each([
    '',
    'a',
    'ftp://a/',
    '//a/',
    'http:a',
    'http://',
    'http://a@b',
    'http://a:b@c/',
    'http://a%2Fb/',
    'http://a\\b/',
    'http://a\tb/',
    ' http://a/',
    'http://a/#x',
    'http://a:65536/',
    `http://a/${'x'.repeat(2_040)}`,
  ])('the URL "%s" is refused', (url) => expect(http(url)).toHaveProperty('url'));

  test('names hold no invisible characters and at most 100 others', () => {
    expect(named(' é '.repeat(1))).toEqual({});
    expect(named('é'.repeat(100))).toEqual({});
    for (const name of ['', '   ', 'a\u202eb', 'a\u200bb', 'a\nb', 'é'.repeat(101)]) {
      expect(named(name), name).toHaveProperty('name');
    }
  });

  test('a password needs a user, and a user has no colon', () => {
    const form = { ...formOf(null), name: 'x', check_type: 'http' as const, url: 'http://a' };
    expect(validate({ ...form, basic_auth_pass: 'p' }, null)).toHaveProperty('basic_auth_user');
    expect(validate({ ...form, basic_auth_user: 'a:b' }, null)).toHaveProperty('basic_auth_user');
  });

  test('the password is asked for again at another origin, or where tolerance is switched on', () => {
    const stored = makeHttpCheck({ url: 'https://a/x', ignore_cert_errors: false });
    const form = formOf(stored);
    expect(passwordAskedAgain(form, stored)).toBeNull();
    expect(passwordAskedAgain({ ...form, url: 'https://a:443/other' }, stored)).toBeNull();
    expect(passwordAskedAgain({ ...form, url: 'https://b/x' }, stored)).toMatch(/https:\/\/b/);
    expect(passwordAskedAgain({ ...form, url: 'http://a/x' }, stored)).toMatch(/http:\/\/a/);
    expect(passwordAskedAgain({ ...form, ignore_cert_errors: true }, stored)).toMatch(/certificate/);
    expect(passwordAskedAgain({ ...form, url: 'https://b/x', remove_password: true }, stored)).toBeNull();
    expect(passwordAskedAgain({ ...form, url: 'https://b/x', basic_auth_user: '' }, stored)).toBeNull();
  });
});

describe('bodies', () => {
  test('an unchanged form changes nothing', () => {
    for (const stored of [makeCheck(), makeHttpCheck()]) {
      expect(changeBody(formOf(stored), stored)).toEqual({});
    }
  });

  test('a cleared user is null, a changed type is a whole definition', () => {
    const stored = makeHttpCheck();
    expect(changeBody({ ...formOf(stored), basic_auth_user: '' }, stored)).toEqual({ basic_auth_user: null });
    const form = { ...formOf(stored), check_type: 'service' as const, service_name: 'x' };
    expect(changeBody(form, stored)).toEqual(creationBody(form));
    expect(creationBody(form)).not.toHaveProperty('url');
  });
});

describe('history', () => {
  const from = Date.parse('2026-11-24T00:00:00Z');
  const hour = 3_600_000;
  const result = (hours: number, part: Partial<HistoryResult> = {}): HistoryResult => ({
    ...makeResult({ checked_at: new Date(from + hours * hour).toISOString() }),
    source: 'poll',
    ...part,
  });
  const failed = { healthy: false, reason: 'connect' as ReasonCode, observed: false };

  test('gaps, failures and mixtures are told apart', () => {
    const results = [result(0.5), result(1, failed), result(1.5), result(2.5, failed), result(9)];
    const buckets = bucketize(results, from, from + 4 * hour, 4);
    expect(buckets.map(bucketKind)).toEqual(['healthy', 'mixed', 'failed', 'gap']);
    expect(buckets.map((bucket) => bucket && bucketWords(bucket))).toEqual([
      '1 of 1 healthy',
      '1 of 2 healthy; 1 × no connection',
      '0 of 1 healthy; 1 × no connection',
      'No result',
    ]);
    expect(historySentence(results.slice(0, 4), buckets)).toContain('50.0 % healthy, 2 failed');
  });

  test('the edges: the first instant counts, the end does not', () => {
    const buckets = bucketize([result(0), result(4)], from, from + 4 * hour, 4);
    expect(buckets.map(bucketKind)).toEqual(['healthy', 'gap', 'gap', 'gap']);
  });
});

test('a host in words', () => {
  const host = { healthy: 0, unhealthy: 0, unknown: 0, total: 0, status: 'none' as const };
  expect(hostWords(host)).toBe('No checks');
  expect(hostWords({ ...host, status: 'healthy', healthy: 1, total: 1 })).toBe('1/1 healthy');
  expect(hostWords({ ...host, status: 'healthy', healthy: 5, total: 5 })).toBe('5/5 healthy');
  expect(hostWords({ ...host, status: 'unhealthy', unhealthy: 2, total: 5 })).toBe('2 of 5 unhealthy');
  expect(hostWords({ ...host, status: 'unknown', unknown: 1, total: 3 })).toBe('1 of 3 unknown');
});

test('a reason of the application’s own is shown as it is, and no word is taken from elsewhere', () => {
  expect(reasonWords('package_db_dirty').title).toBe('Package db dirty');
  expect(reasonWords('toString').title).toBe('ToString');
  expect(reasonWords('').title).toBe('Unknown reason');
});

test('a gate in a sentence', () => {
  const now = Date.now();
  expect(gateSentence(makeGate(), now)).toBe('Waiting for 1 failing check');
  expect(gateSentence(makeGate({ opens_at: at(60) }), now)).toBe('Waiting for the window to open');
  expect(gateSentence(makeGate({ evidence: [] }), now)).toBe('Waiting for the next attempt');
  expect(gateSentence(makeGate({ evidence: [], next_attempt_at: null }), now)).toBe('Waiting for its turn');
  expect(gateSentence(makeGate({ state: 'spent', kind: 'no_checks' }), now)).toBe(
    'Went ahead: no enabled checks',
  );
  expect(gateSentence(makeGate({ state: 'failed', end_reason: 'gate_busy' }), now)).toBe(
    'Failed: another job held the host until the window ended',
  );
});

test('a preview is laid into what one should know', () => {
  const groups = groupPreview([
    makePreview({ host_id: 'ready' }),
    makePreview({ host_id: 'bare', kind: 'no_checks', window_too_short: true }),
    makePreview({
      host_id: 'stale',
      decision: 'wait',
      kind: null,
      blocking: [
        { check_id: 'c', name: 'n', reason: 'stale', observed: false, detail: '', checked_at: null },
      ],
    }),
    makePreview({
      host_id: 'held',
      decision: 'wait',
      kind: null,
      blocking: [
        {
          check_id: null,
          name: 'another job',
          reason: 'gate_busy',
          observed: false,
          detail: '',
          checked_at: null,
        },
      ],
    }),
    makePreview({ host_id: 'early', decision: 'wait', kind: null, not_open: true }),
    makePreview({ host_id: 'lost', decision: 'fail', kind: null }),
  ]);
  const ids = Object.fromEntries(
    Object.entries(groups).map(([name, hosts]: [string, { host_id: string }[]]) => [
      name,
      hosts.map((host) => host.host_id),
    ]),
  );
  expect(ids).toEqual({
    ready: ['ready'],
    unchecked: ['bare'],
    short: ['bare'],
    unknown: ['stale'],
    early: ['early'],
    fail: ['lost'],
    unhealthy: [],
    busy: ['held'],
  });
});

describe('latencies', () => {
  const run = (second: number, latency_ms: number, healthy = true): HistoryResult => ({
    ...makeResult({ checked_at: new Date(second * 1_000).toISOString(), latency_ms, healthy }),
    source: 'poll',
  });

  test('few runs have a column each, failures none of height, and a gap breaks the line', () => {
    const laid = latencyColumns([run(190, 9), run(30, 7, false), run(20, 5), run(10, 3)], 100);
    expect(laid).toEqual({
      times: [10, 20, 30, 110, 190],
      median: [3, 5, null, null, 9],
      lowest: [3, 5, null, null, 9],
      highest: [3, 5, null, null, 9],
      failures: [30],
    });
  });

  test('many runs share columns that keep the fastest, the slowest and the middle', () => {
    const runs = Array.from({ length: 1_000 }, (_, index) => run(10_000 - index * 10, index % 10));
    const laid = latencyColumns(runs, 50);
    expect(laid.times.length).toBeGreaterThan(40);
    expect(laid.times.length).toBeLessThanOrEqual(51);
    expect([laid.lowest[3], laid.median[3], laid.highest[3]]).toEqual([0, 5, 9]);
    expect(laid.times).toEqual(laid.times.toSorted((a, b) => a - b));
    expect(latencyColumns([], 50).times).toEqual([]);
  });
});

describe('after the patch', () => {
  const healthy = makeEvidence();
  const entry = (counted: boolean, now: Evidence | null): VerifiedCheck => ({
    check_id: null,
    name: 'x',
    was: null,
    now,
    change: 'same',
    counted,
    since: null,
  });

  test('what counts and fails is told beside how it stands', () => {
    const of = (state: VerificationState, ...checks: VerifiedCheck[]) =>
      verificationSentence({ state, checks });
    expect(of('regressed', entry(true, FAILING), entry(true, healthy))).toBe('regressed, 1 of 2 not healthy');
    expect(of('verified', entry(true, healthy), entry(false, FAILING))).toBe('verified, 1 of 1 healthy');
    expect(of('verifying')).toBe('being verified');
    expect(of('no_checks')).toBe('no checks to verify it by');
    expect(of('unverified', entry(true, null))).toBe('not verified, 1 of 1 not healthy');
  });

  test('a reason is there for what fails, and for nothing else', () => {
    expect(verifiedReason({ now: FAILING })).toBe('Service is not running: failed/failed, enabled');
    expect(verifiedReason({ now: { ...FAILING, detail: '' } })).toBe('Service is not running');
    expect(verifiedReason({ now: healthy })).toBe('');
    expect(verifiedReason({ now: null })).toBe('');
  });
});
