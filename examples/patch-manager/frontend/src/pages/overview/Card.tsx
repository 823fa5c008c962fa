import { Box, Link, Paper, Skeleton, Stack, Typography } from '@mui/material';
import { useId, type ReactNode } from 'react';
import { Link as RouterLink } from 'react-router';
import { LoadError } from '../../app/Page';

/** Properties of {@link Card}. */
export interface CardProps {
  title: string;
  /** One line under the title. */
  summary?: ReactNode;
  /** Where all of it is. */
  more?: { label: string; to: string };
  /** The answer that the card shows: it may be on its way, or have failed. */
  query: { isPending: boolean; error: unknown; data?: unknown; refetch: () => unknown };
  children: ReactNode;
}

/** One part of the overview, which loads and fails on its own. */
export function Card({ title, summary, more, query, children }: CardProps) {
  const id = useId();
  const missing = query.error != null && query.data === undefined;
  return (
    <Paper variant="outlined" component="section" aria-labelledby={id} sx={{ px: 2, py: 1.5 }}>
      <Stack spacing={1.25}>
        <Stack direction="row" spacing={1} sx={{ alignItems: 'baseline', justifyContent: 'space-between' }}>
          <Typography id={id} variant="h6" component="h2">
            {title}
          </Typography>
          {more !== undefined && (
            <Link component={RouterLink} to={more.to} variant="body2" sx={{ whiteSpace: 'nowrap' }}>
              {more.label}
            </Link>
          )}
        </Stack>
        {missing && <LoadError what={title} error={query.error} onRetry={() => void query.refetch()} />}
        {query.isPending && (
          <Box role="status" aria-label={`Loading: ${title}`}>
            <Skeleton variant="rounded" height={56} />
          </Box>
        )}
        {query.data !== undefined && (
          <>
            {summary !== undefined && (
              <Typography variant="body2" color="text.secondary" component="div">
                {summary}
              </Typography>
            )}
            {children}
          </>
        )}
      </Stack>
    </Paper>
  );
}
