import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listening, program, startDemo } from './demo';

/** A patch manager with as many hosts as wanted, of which no agent answers. */
export interface Fleet {
  url: string;
  token: string;
  hosts: { id: string; name: string }[];
  /** The groups, with the same number of hosts each. */
  groups: readonly string[];
  stop: () => Promise<void>;
}

const GROUPS = ['web', 'db', 'cache', 'edge', 'batch'] as const;

/** Starts the program with a configuration of so many hosts. */
export async function startFleet(count: number): Promise<Fleet> {
  const folder = await mkdtemp(join(tmpdir(), 'patch-manager-fleet-'));
  // Certificates and keys: a demo leaves its own in its folder.
  const demo = await startDemo('--hosts', '1', '--data-dir', folder);
  await demo.stop();
  const token = `fleet-${randomUUID()}`;
  const hash = createHash('sha256').update(token).digest('hex');
  const hosts = Array.from({ length: count }, (_, index) => {
    const group = GROUPS[index % GROUPS.length] ?? 'web';
    return { id: randomUUID(), name: `${group}-${String(index).padStart(5, '0')}`, group };
  });
  const config = join(folder, 'manager.toml');
  await writeFile(
    config,
    [
      'listen = "127.0.0.1:0"',
      'database_url = "sqlite://fleet.db"',
      '[security]',
      'health_check_key = "fleet-keys/health-check.key"',
      'agent_ca = "ca.pem"',
      'agent_client_cert = "client.pem"',
      'agent_client_key = "client.key"',
      '[worker]',
      'health_check_poll_interval_secs = 60',
      'health_check_timeout_secs = 2',
      'gate_retry_interval_secs = 30',
      'verify_settle_secs = 0',
      'verify_deadline_secs = 60',
      '[api]',
      'tests_per_minute_per_user = 0',
      'tests_per_minute_per_host = 0',
      ...GROUPS.flatMap((name) => ['[[groups]]', `name = "${name}"`]),
      '[[users]]',
      'name = "ada"',
      'role = "admin"',
      'groups = []',
      `token_sha256 = "${hash}"`,
      ...hosts.flatMap(({ id, name, group }) => [
        '[[hosts]]',
        `id = "${id}"`,
        `name = "${name}"`,
        'address = "127.0.0.1"',
        // Nothing listens there.
        'agent_port = 9',
        `groups = ["${group}"]`,
      ]),
      '',
    ].join('\n'),
  );
  await chmod(config, 0o600);
  const child = spawn(program(), ['serve', '--config', config], {
    cwd: folder,
    stdio: ['ignore', 'pipe', process.env.E2E_LOG === undefined ? 'ignore' : 'inherit'],
    env: { ...process.env, RUST_LOG: process.env.E2E_LOG ?? 'warn' },
  });
  return {
    url: await listening(child),
    token,
    hosts,
    groups: GROUPS,
    stop: async () => {
      if (child.exitCode === null) {
        child.kill('SIGTERM');
        const kill = setTimeout(() => child.kill('SIGKILL'), 15_000);
        await once(child, 'exit');
        clearTimeout(kill);
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}
