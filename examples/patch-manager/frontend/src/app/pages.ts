import { lazy, type ComponentType } from 'react';

type Load = () => Promise<{ default: ComponentType }>;

const LOADS = {
  OverviewPage: () => import('../pages/OverviewPage'),
  HostsPage: () => import('../pages/HostsPage'),
  HostDetailPage: () => import('../pages/HostDetailPage'),
  DeployPage: () => import('../pages/DeployPage'),
  JobsPage: () => import('../pages/JobsPage'),
  JobDetailPage: () => import('../pages/JobDetailPage'),
  WindowsPage: () => import('../pages/WindowsPage'),
  AuditPage: () => import('../pages/AuditPage'),
} satisfies Record<string, Load>;

export const OverviewPage = lazy(LOADS.OverviewPage);
export const HostsPage = lazy(LOADS.HostsPage);
export const HostDetailPage = lazy(LOADS.HostDetailPage);
export const DeployPage = lazy(LOADS.DeployPage);
export const JobsPage = lazy(LOADS.JobsPage);
export const JobDetailPage = lazy(LOADS.JobDetailPage);
export const WindowsPage = lazy(LOADS.WindowsPage);
export const AuditPage = lazy(LOADS.AuditPage);

/**
 * Fetches every page while nothing else is to be done: where the server is away later, a page that was not visited
 * yet can still say so. One that cannot be fetched now is fetched when it is visited.
 */
export function fetchPages(): void {
  const fetchAll = () => {
    for (const load of Object.values(LOADS)) load().catch(() => undefined);
  };
  if ('requestIdleCallback' in globalThis) globalThis.requestIdleCallback(fetchAll, { timeout: 5_000 });
  else setTimeout(fetchAll, 1_000);
}
