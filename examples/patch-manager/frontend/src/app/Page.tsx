import { Alert, Box, Breadcrumbs, Button, CircularProgress, Link, Stack, Typography } from '@mui/material';
import { useEffect, useRef, type ReactNode } from 'react';
import { Link as RouterLink, useLocation } from 'react-router';
import { messageOf } from '../health';
import { setPageTitle } from './title';

/** Properties of {@link Page}. */
export interface PageProps {
  title: string;
  /** What stands above the title; the way back. */
  trail?: { label: string; to: string }[];
  /** A line under the title. */
  subtitle?: ReactNode;
  /** Buttons beside the title. */
  actions?: ReactNode;
  children: ReactNode;
}

/** A page's frame: its heading takes the focus when people come to it, so that they hear where they are. */
export function Page({ title, trail = [], subtitle, actions, children }: PageProps) {
  const { pathname } = useLocation();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    setPageTitle(title);
  }, [title]);
  useEffect(() => {
    heading.current?.focus({ preventScroll: true });
    globalThis.scrollTo?.(0, 0);
  }, [pathname]);
  return (
    <Stack spacing={2}>
      <Stack
        direction={{ xs: 'column', sm: 'row' }}
        spacing={1}
        sx={{ alignItems: { sm: 'flex-end' }, justifyContent: 'space-between' }}
      >
        <Box sx={{ minWidth: 0 }}>
          {trail.length > 0 && (
            <Breadcrumbs aria-label="You are here" sx={{ fontSize: '0.8rem', mb: 0.25 }}>
              {trail.map((step) => (
                <Link key={step.to} component={RouterLink} to={step.to} color="text.secondary">
                  {step.label}
                </Link>
              ))}
              <Typography variant="inherit" color="text.secondary" noWrap sx={{ maxWidth: 240 }}>
                {title}
              </Typography>
            </Breadcrumbs>
          )}
          <Typography
            variant="h5"
            component="h1"
            ref={heading}
            tabIndex={-1}
            sx={{ outline: 'none', overflowWrap: 'anywhere' }}
          >
            {title}
          </Typography>
          {subtitle !== undefined && (
            <Typography variant="body2" color="text.secondary" component="div">
              {subtitle}
            </Typography>
          )}
        </Box>
        {actions !== undefined && (
          <Stack direction="row" spacing={1} sx={{ alignItems: 'center', flexWrap: 'wrap' }}>
            {actions}
          </Stack>
        )}
      </Stack>
      {children}
    </Stack>
  );
}

/** What stands where something could not be loaded, with a way to try again. */
export function LoadError({ what, error, onRetry }: { what: string; error: unknown; onRetry: () => void }) {
  return (
    <Alert
      severity="error"
      action={
        <Button color="inherit" size="small" onClick={onRetry}>
          Try again
        </Button>
      }
    >
      {what} could not be loaded. {messageOf(error)}
    </Alert>
  );
}

/** What stands where nothing is. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Stack spacing={0.5} sx={{ alignItems: 'center', textAlign: 'center', p: 5 }}>
      <Typography sx={{ fontWeight: 600 }}>{title}</Typography>
      {children !== undefined && (
        <Typography variant="body2" color="text.secondary" component="div" sx={{ maxWidth: 460 }}>
          {children}
        </Typography>
      )}
    </Stack>
  );
}

/** What stands while a page is fetched. */
export function Waiting({ label = 'Loading' }: { label?: string }) {
  return (
    <Box role="status" aria-label={label} sx={{ display: 'grid', placeItems: 'center', p: 8 }}>
      <CircularProgress size={28} aria-hidden="true" />
    </Box>
  );
}
