import {
  AppBar,
  BottomNavigation,
  BottomNavigationAction,
  Box,
  Chip,
  IconButton,
  Link,
  List,
  ListItemButton,
  ListItemIcon,
  ListItemText,
  Paper,
  Stack,
  Toolbar,
  Tooltip,
  Typography,
  useMediaQuery,
  useTheme,
} from '@mui/material';
import { Suspense, useEffect, type ComponentType, type MouseEvent } from 'react';
import { Link as RouterLink, Outlet, useLocation } from 'react-router';
import { LiveBanner, useLiveState } from '../health';
import { useMe, useRights } from './api/hooks';
import { useUnfinishedJobs, waitingJobs } from './api/overview';
import { useColorMode } from './ColorMode';
import { FreezeNotice } from './FreezeNotice';
import {
  AuditIcon,
  DarkIcon,
  DeployIcon,
  HostsIcon,
  JobsIcon,
  LightIcon,
  OverviewIcon,
  SignOutIcon,
  WindowsIcon,
} from './icons';
import { Waiting } from './Page';
import { signOut } from './session';
import { setWaitingJobs } from './title';

interface Place {
  to: string;
  label: string;
  Icon: ComponentType;
}

const WIDTH = 208;

/** The frame around every page: where one is, who one is, and whether what one sees is live. */
export function Layout() {
  const theme = useTheme();
  const wide = useMediaQuery(theme.breakpoints.up('md'), { noSsr: true });
  const { canEdit, canAudit } = useRights();
  const unfinished = useUnfinishedJobs().data;
  const waiting = waitingJobs(unfinished ?? []).length;
  useEffect(() => setWaitingJobs(waiting), [waiting]);
  const places: Place[] = [
    { to: '/overview', label: 'Overview', Icon: OverviewIcon },
    { to: '/hosts', label: 'Hosts', Icon: HostsIcon },
    ...(canEdit ? [{ to: '/deploy', label: 'Deploy', Icon: DeployIcon }] : []),
    { to: '/jobs', label: 'Jobs', Icon: JobsIcon },
    { to: '/windows', label: 'Windows', Icon: WindowsIcon },
    ...(canAudit ? [{ to: '/audit', label: 'Audit', Icon: AuditIcon }] : []),
  ];
  return (
    <Box sx={{ minHeight: '100vh', bgcolor: 'background.default' }}>
      <Link
        href="#content"
        onClick={(event: MouseEvent) => {
          // The address stays as it is: on the deploy page it holds the chosen hosts.
          event.preventDefault();
          document.getElementById('content')?.focus();
        }}
        sx={{
          position: 'fixed',
          left: 8,
          top: -60,
          zIndex: 2000,
          bgcolor: 'background.paper',
          px: 2,
          py: 1,
          borderRadius: 1,
          '&:focus': { top: 8 },
        }}
      >
        Skip to the content
      </Link>
      <AppBar
        position="sticky"
        color="inherit"
        elevation={0}
        sx={{ borderBottom: 1, borderColor: 'divider', bgcolor: 'background.paper' }}
      >
        <Toolbar variant="dense" sx={{ gap: 1.5, minHeight: 52 }}>
          <Brand />
          <Box sx={{ flex: 1 }} />
          <LiveChip />
          <UserMenu wide={wide} />
        </Toolbar>
        <LiveBanner />
      </AppBar>
      <Box sx={{ display: 'flex' }}>
        {wide && <SideNavigation places={places} />}
        <Box
          component="main"
          id="content"
          tabIndex={-1}
          sx={{
            outline: 'none',
            flex: 1,
            minWidth: 0,
            maxWidth: 1360,
            mx: 'auto',
            px: { xs: 1.5, sm: 2.5, lg: 3 },
            pt: 2.5,
            pb: { xs: 11, md: 5 },
          }}
        >
          <FreezeNotice />
          <Suspense fallback={<Waiting />}>
            <Outlet />
          </Suspense>
        </Box>
      </Box>
      {!wide && <BottomBar places={places} />}
    </Box>
  );
}

function Brand() {
  return (
    <Stack direction="row" spacing={1} sx={{ alignItems: 'center', minWidth: 0, flexShrink: 1 }}>
      <Box component="img" src="/favicon.svg" alt="" sx={{ width: 26, height: 26, display: 'block' }} />
      <Typography noWrap sx={{ fontWeight: 680, letterSpacing: '-0.015em' }}>
        Patch manager
      </Typography>
    </Stack>
  );
}

function LiveChip() {
  const state = useLiveState();
  const live = state === 'live';
  const words = live ? 'Live' : state === 'connecting' ? 'Connecting' : 'Not live';
  return (
    <Tooltip
      title={
        live
          ? 'This page updates live.'
          : 'This page refreshes every few seconds until the live connection is back.'
      }
      describeChild
    >
      <Chip
        data-live={state}
        variant="outlined"
        label={words}
        icon={
          <Box
            component="span"
            sx={{
              width: 8,
              height: 8,
              ml: '8px !important',
              borderRadius: live ? '50%' : 0.25,
              bgcolor: live ? 'success.main' : 'warning.main',
            }}
          />
        }
      />
    </Tooltip>
  );
}

function UserMenu({ wide }: { wide: boolean }) {
  const me = useMe().data;
  const { mode, toggle } = useColorMode();
  const other = mode === 'light' ? 'dark' : 'light';
  return (
    <Stack direction="row" spacing={0.5} sx={{ alignItems: 'center', flexShrink: 0 }}>
      {me !== undefined && (
        <Box sx={{ textAlign: 'right', lineHeight: 1.15, mr: 0.5 }}>
          <Typography variant="body2" sx={{ fontWeight: 600, lineHeight: 1.2 }}>
            {me.name}
          </Typography>
          <Typography variant="caption" color="text.secondary" sx={{ lineHeight: 1.2, display: 'block' }}>
            {me.role}
            {wide && me.groups.length > 0 && ` · ${me.groups.join(', ')}`}
          </Typography>
        </Box>
      )}
      <Tooltip title={`Switch to ${other} colours`}>
        <IconButton size="small" onClick={toggle} aria-label={`Switch to ${other} colours`}>
          {mode === 'light' ? <DarkIcon /> : <LightIcon />}
        </IconButton>
      </Tooltip>
      <Tooltip title="Sign out">
        <IconButton size="small" onClick={signOut} aria-label="Sign out">
          <SignOutIcon />
        </IconButton>
      </Tooltip>
    </Stack>
  );
}

function usePlace(): (place: Place) => boolean {
  const { pathname } = useLocation();
  return (place) => pathname === place.to || pathname.startsWith(`${place.to}/`);
}

function SideNavigation({ places }: { places: Place[] }) {
  const isHere = usePlace();
  return (
    <Box
      component="nav"
      aria-label="Main"
      sx={{
        width: WIDTH,
        flexShrink: 0,
        borderRight: 1,
        borderColor: 'divider',
        bgcolor: 'background.paper',
        position: 'sticky',
        top: 53,
        alignSelf: 'flex-start',
        height: 'calc(100vh - 53px)',
      }}
    >
      <List sx={{ px: 1, py: 1.5 }}>
        {places.map((place) => {
          const here = isHere(place);
          return (
            <li key={place.to}>
              <ListItemButton
                component={RouterLink}
                to={place.to}
                selected={here}
                {...(here && { 'aria-current': 'page' })}
                sx={{ borderRadius: 1.5, mb: 0.25, py: 0.6, color: here ? 'primary.main' : 'text.secondary' }}
              >
                <ListItemIcon sx={{ minWidth: 34, color: 'inherit' }}>
                  <place.Icon />
                </ListItemIcon>
                <ListItemText
                  primary={place.label}
                  slotProps={{ primary: { variant: 'body2', sx: { fontWeight: here ? 650 : 500 } } }}
                />
              </ListItemButton>
            </li>
          );
        })}
      </List>
    </Box>
  );
}

function BottomBar({ places }: { places: Place[] }) {
  const isHere = usePlace();
  const here = places.find(isHere)?.to ?? false;
  return (
    <Paper
      component="nav"
      aria-label="Main"
      square
      elevation={0}
      sx={{
        position: 'fixed',
        insetInline: 0,
        bottom: 0,
        zIndex: 1100,
        borderTop: 1,
        borderColor: 'divider',
      }}
    >
      <BottomNavigation showLabels value={here}>
        {places.map((place) => (
          <BottomNavigationAction
            key={place.to}
            value={place.to}
            label={place.label}
            icon={<place.Icon />}
            component={RouterLink}
            to={place.to}
            {...(here === place.to && { 'aria-current': 'page' })}
            sx={{ minWidth: 0, px: 0.5 }}
          />
        ))}
      </BottomNavigation>
    </Paper>
  );
}
