import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useState } from 'react';
import { createBrowserRouter, Navigate, RouterProvider, useRouteError } from 'react-router';
import { HealthgateProvider, isPassing, useHealthEvents } from '../health';
import { appKeys } from './api/keys';
import { ColorMode } from './ColorMode';
import { Layout } from './Layout';
import { LoadError, Waiting } from './Page';
import { readToken, sessionEnded, useToken } from './session';

const SignInPage = lazy(() => import('../pages/SignInPage'));
const OverviewPage = lazy(() => import('../pages/OverviewPage'));
const HostsPage = lazy(() => import('../pages/HostsPage'));
const HostDetailPage = lazy(() => import('../pages/HostDetailPage'));
const DeployPage = lazy(() => import('../pages/DeployPage'));
const JobsPage = lazy(() => import('../pages/JobsPage'));
const JobDetailPage = lazy(() => import('../pages/JobDetailPage'));
const WindowsPage = lazy(() => import('../pages/WindowsPage'));
const AuditPage = lazy(() => import('../pages/AuditPage'));

/** The client of all answers: asks again where that may help, and never where a refusal is final. */
export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { staleTime: 2_000, retry: (failures, error) => failures < 2 && isPassing(error) },
    },
  });
}

const makeRouter = () =>
  createBrowserRouter([
    {
      element: <Layout />,
      errorElement: <Crash />,
      children: [
        { index: true, element: <Navigate to="/overview" replace /> },
        { path: 'overview', element: <OverviewPage /> },
        { path: 'hosts', element: <HostsPage /> },
        { path: 'hosts/:hostId', element: <HostDetailPage /> },
        { path: 'deploy', element: <DeployPage /> },
        { path: 'jobs', element: <JobsPage /> },
        { path: 'jobs/:jobId', element: <JobDetailPage /> },
        { path: 'windows', element: <WindowsPage /> },
        { path: 'audit', element: <AuditPage /> },
        { path: '*', element: <Navigate to="/overview" replace /> },
      ],
    },
  ]);

/** The whole application. */
export function App() {
  const token = useToken();
  return (
    <ColorMode>
      <Suspense fallback={<Waiting />}>
        {/* A session has its own answers: what one user saw is not there for the next. */}
        {token === null ? <SignedOut /> : <SignedIn key={token} />}
      </Suspense>
    </ColorMode>
  );
}

function SignedOut() {
  const [queries] = useState(makeQueryClient);
  return (
    <QueryClientProvider client={queries}>
      <SignInPage />
    </QueryClientProvider>
  );
}

function SignedIn() {
  const [queries] = useState(makeQueryClient);
  const [router] = useState(makeRouter);
  useEffect(() => () => router.dispose(), [router]);
  return (
    <QueryClientProvider client={queries}>
      <HealthgateProvider token={readToken} onUnauthorized={sessionEnded}>
        <FollowEvents queries={queries} />
        <RouterProvider router={router} />
      </HealthgateProvider>
    </QueryClientProvider>
  );
}

/** The application's own answers follow the same events, at most once in a second and a half or in five. */
export function FollowEvents({ queries }: { queries: QueryClient }) {
  const [soon] = useState(() => gatherer(queries, 1_500));
  const [later] = useState(() => gatherer(queries, 5_000));
  useHealthEvents((event) => {
    if (event.type === 'resync') void queries.invalidateQueries({ queryKey: appKeys.all });
    else if (event.type === 'gate') {
      soon(appKeys.jobPages);
      later(appKeys.unfinishedJobs);
    } else soon(appKeys.hosts, appKeys.hostCounts);
  });
  return null;
}

/** Voids what is named to it, at most once in so many milliseconds. */
function gatherer(queries: QueryClient, milliseconds: number) {
  const stale = new Set<readonly string[]>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (...keys: (readonly string[])[]) => {
    for (const key of keys) stale.add(key);
    timer ??= setTimeout(() => {
      timer = undefined;
      for (const queryKey of stale) void queries.invalidateQueries({ queryKey });
      stale.clear();
    }, milliseconds);
  };
}

function Crash() {
  const error = useRouteError();
  return <LoadError what="This page" error={error} onRetry={() => globalThis.location.reload()} />;
}
