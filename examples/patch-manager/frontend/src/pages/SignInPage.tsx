import {
  Alert,
  Box,
  Button,
  Chip,
  Divider,
  List,
  ListItemButton,
  ListItemText,
  Paper,
  Skeleton,
  Stack,
  TextField,
  Typography,
} from '@mui/material';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState, type FormEvent } from 'react';
import { api } from '../app/api/client';
import { appKeys } from '../app/api/keys';
import type { paths } from '../app/api/types';
import { signIn, wasEnded } from '../app/session';
import { setPageTitle, setWaitingJobs } from '../app/title';
import { createApiClient, messageOf, ProblemError, UnreachableError, unwrap } from '../health';

const ROLES: Readonly<Record<string, string>> = {
  admin: 'can do everything, including overriding gates',
  operator: 'manages the hosts of their groups',
  reporter: 'can view the hosts of their groups',
};

/** Where a session begins: with one of the demo's users, or with a token. */
export default function SignInPage() {
  const users = useQuery({
    queryKey: appKeys.demoUsers,
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/demo/users', { signal })),
    retry: (failures, error) => failures < 20 && !(error instanceof ProblemError && error.status < 500),
    retryDelay: 1_000,
  });
  useEffect(() => {
    setWaitingJobs(0);
    setPageTitle('Sign in');
  }, []);
  return (
    <Box
      component="main"
      sx={{ minHeight: '100vh', display: 'grid', placeItems: 'center', bgcolor: 'background.default', p: 2 }}
    >
      <Paper variant="outlined" sx={{ width: '100%', maxWidth: 420, p: { xs: 2.5, sm: 4 } }}>
        <Stack spacing={2.5}>
          <Stack direction="row" spacing={1.25} sx={{ alignItems: 'center' }}>
            <Box component="img" src="/favicon.svg" alt="" sx={{ width: 34, height: 34 }} />
            <Typography variant="h5" component="h1">
              Patch manager
            </Typography>
          </Stack>
          {wasEnded() && (
            <Alert severity="info">Your session has ended: the server no longer accepts your token.</Alert>
          )}
          {users.isPending && !users.isError && (
            <Stack spacing={1} role="status" aria-label="Looking for the demo's users">
              <Skeleton variant="rounded" height={56} />
              <Skeleton variant="rounded" height={56} />
              <Skeleton variant="rounded" height={56} />
            </Stack>
          )}
          {users.data !== undefined && (
            <Box>
              <Typography variant="body2" color="text.secondary" id="demo-users" sx={{ mb: 1 }}>
                This is the demo. Sign in as one of its users; each has different rights.
              </Typography>
              <List disablePadding aria-labelledby="demo-users">
                {users.data.users.map((user) => (
                  <li key={user.name}>
                    <ListItemButton
                      onClick={() => signIn(user.token)}
                      sx={{ border: 1, borderColor: 'divider', borderRadius: 1.5, mb: 1, py: 0.75 }}
                    >
                      <ListItemText
                        primary={
                          <Stack direction="row" spacing={1} component="span" sx={{ alignItems: 'center' }}>
                            <strong>{user.name}</strong>
                            <Chip component="span" label={user.role} variant="outlined" />
                          </Stack>
                        }
                        secondary={ROLES[user.role]}
                      />
                    </ListItemButton>
                  </li>
                ))}
              </List>
              <Divider sx={{ mt: 2, typography: 'caption', color: 'text.secondary' }}>
                or with a token
              </Divider>
            </Box>
          )}
          <TokenForm />
        </Stack>
      </Paper>
    </Box>
  );
}

function TokenForm() {
  const [token, setToken] = useState('');
  const [fault, setFault] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const trimmed = token.trim();
    const wrong =
      trimmed === ''
        ? 'Paste a token; `patch-manager token` prints one.'
        : !/^[\x21-\x7e]+$/.test(trimmed)
          ? 'A token has no spaces and only ASCII characters.'
          : null;
    setFault(wrong);
    if (wrong !== null) return;
    setBusy(true);
    const refused = await refusalOf(trimmed);
    setBusy(false);
    setFault(refused);
    if (refused === null) signIn(trimmed);
  };
  return (
    <Stack component="form" spacing={1.5} onSubmit={(event) => void submit(event)} noValidate>
      <TextField
        label="Bearer token"
        type="password"
        autoComplete="off"
        value={token}
        onChange={(event) => {
          setToken(event.target.value);
          setFault(null);
        }}
        error={fault !== null}
        helperText={fault ?? 'Kept in this tab until you sign out or close it.'}
        fullWidth
      />
      <Button type="submit" variant="contained" loading={busy}>
        Sign in
      </Button>
    </Stack>
  );
}

/** Why the server does not take a token, for people; `null` where it does. No session begins by asking. */
async function refusalOf(token: string): Promise<string | null> {
  const client = createApiClient<paths>({ token: () => token });
  try {
    await unwrap(client.GET('/api/v1/me'));
    return null;
  } catch (error) {
    if (error instanceof ProblemError && error.status === 401) {
      return 'This token is not valid. Check that you copied all of it, or ask for a new one.';
    }
    return error instanceof UnreachableError
      ? 'The server cannot be reached. Try again in a moment.'
      : messageOf(error);
  }
}
