/** The keys under which answers are cached, so that events and writes can void them. */
export const healthKeys = {
  all: ['healthgate'] as const,
  checks: (hostId: string) => ['healthgate', 'checks', hostId] as const,
  history: (hostId: string, checkId: string) => ['healthgate', 'history', hostId, checkId] as const,
  summaries: ['healthgate', 'summary'] as const,
  summary: (hostIds: readonly string[]) => ['healthgate', 'summary', hostIds] as const,
  previews: ['healthgate', 'preview'] as const,
  preview: (hostIds: readonly string[], window: unknown) =>
    ['healthgate', 'preview', hostIds, window ?? null] as const,
  gates: (jobId: string) => ['healthgate', 'gates', jobId] as const,
  // Under the gates: what makes them stale makes it stale.
  explanation: (jobId: string) => ['healthgate', 'gates', jobId, 'explanation'] as const,
  audit: (filter: unknown) => ['healthgate', 'audit', filter] as const,
};
