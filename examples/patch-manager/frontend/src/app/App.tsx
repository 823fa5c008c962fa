import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useState } from 'react';
import { createBrowserRouter, Navigate, RouterProvider } from 'react-router';
import { HealthgateProvider, isPassing, useHealthEvents } from '../health';
import { appKeys } from './api/keys';
import { ColorMode } from './ColorMode';
import { Crash } from './Crash';
import { Layout } from './Layout';
import { Waiting } from './Page';
import {
  AuditPage,
  DeployPage,
  fetchPages,
  HostDetailPage,
  HostsPage,
  JobDetailPage,
  JobsPage,
  OverviewPage,
  WindowsPage,
} from './pages';
import { readToken, sessionEnded, useToken } from './session';

const SignInPage = lazy(() => import('../pages/SignInPage'));

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
        {
          // In the frame: what breaks a page leaves the way to the others.
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
  useEffect(fetchPages, []);
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
    } else soon(appKeys.hosts);
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
