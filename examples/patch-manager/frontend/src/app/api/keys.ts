/** The keys of the application's own answers. */
export const appKeys = {
  all: ['app'] as const,
  me: ['app', 'me'] as const,
  hosts: ['app', 'hosts'] as const,
  hostPage: (filter: unknown) => ['app', 'hosts', 'page', filter] as const,
  host: (id: string) => ['app', 'hosts', 'one', id] as const,
  // Apart from the hosts: a check that turns changes no name.
  allHostNames: ['app', 'host names'] as const,
  hostNames: (ids: readonly string[]) => ['app', 'host names', ids] as const,
  settings: ['app', 'settings'] as const,
  freezes: ['app', 'freezes'] as const,
  groups: ['app', 'groups'] as const,
  jobs: ['app', 'jobs'] as const,
  jobPage: (cursor: string | undefined) => ['app', 'jobs', 'page', cursor ?? null] as const,
  jobPages: ['app', 'jobs', 'page'] as const,
  job: (id: string) => ['app', 'jobs', 'one', id, 'all'] as const,
  jobAndHosts: (id: string) => ['app', 'jobs', 'one', id] as const,
  jobHost: (id: string, hostId: string) => ['app', 'jobs', 'one', id, hostId] as const,
  windows: ['app', 'windows'] as const,
  demoUsers: ['app', 'demo', 'users'] as const,
  demoFleet: ['app', 'demo', 'fleet'] as const,
};
