import { expect, vi } from 'vitest';
import type { Job } from '../../src/app/api/types';
import type { HealthCheck } from '../../src/health/api/types';

interface User {
  name: string;
  token: string;
}

/** The API as one of the demo's users, for what a test does beside the page. */
export class Api {
  constructor(
    private readonly url: string,
    private readonly token: string,
  ) {}

  static async as(url: string, user: string): Promise<Api> {
    const answer = await fetch(`${url}/api/v1/demo/users`);
    const { users } = (await answer.json()) as { users: User[] };
    return new Api(url, users.find((each) => each.name === user)?.token ?? '');
  }

  /** Calls a route and answers its body; throws with the problem where it is refused. */
  async call<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const answer = await fetch(this.url + path, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === '' ? null : JSON.parse(text)) as Body;
  }

  /** The id of the host of this name. */
  async hostId(name: string): Promise<string> {
    const { hosts } = await this.call<{ hosts: { id: string; name: string }[] }>(
      'GET',
      `/api/v1/hosts?q=${name}`,
    );
    const host = hosts.find((each) => each.name === name);
    if (host === undefined) throw new Error(`the demo has no host ${name}`);
    return host.id;
  }

  /** Breaks services of simulated hosts, and waits until the poller has seen all of it. */
  async breakServices(...services: (readonly [host: string, service: string])[]): Promise<void> {
    for (const [host, service] of services) await this.setService(host, service, 'failed');
    for (const [host, service] of services) {
      await vi.waitFor(
        async () => {
          const path = `/api/v1/hosts/${await this.hostId(host)}/health-checks`;
          const { checks } = await this.call<{ checks: HealthCheck[] }>('GET', path);
          const check = checks.find((each) => each.service_name === service);
          expect(check?.status, `${service} on ${host}`).toBe('unhealthy');
        },
        { timeout: 90_000, interval: 300 },
      );
    }
  }

  /** Breaks or mends a service of a simulated host. */
  async setService(host: string, service: string, state: 'healthy' | 'failed'): Promise<void> {
    await this.call('POST', `/api/v1/demo/fleet/${await this.hostId(host)}`, { service, state });
  }

  /** The demo's job over several hosts, which are patched in stages. */
  async stagedJob(): Promise<Job> {
    const { jobs } = await this.call<{ jobs: Job[] }>('GET', '/api/v1/jobs');
    const job = jobs.find(({ rollout }) => rollout != null);
    if (job === undefined) throw new Error('the demo has a job over several hosts');
    return job;
  }

  /** Submits a job for one host, in a window that is open and closes in so many seconds. */
  async submit(host: string, seconds: number): Promise<Job> {
    return this.call<Job>('POST', '/api/v1/jobs', {
      host_ids: [await this.hostId(host)],
      window: {
        opens_at: new Date(Date.now() - 60_000).toISOString(),
        closes_at: new Date(Date.now() + seconds * 1_000).toISOString(),
      },
    });
  }
}
