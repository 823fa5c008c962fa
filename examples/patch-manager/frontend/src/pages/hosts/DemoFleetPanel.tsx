import { Alert, Box, Button, Paper, Stack, Typography } from '@mui/material';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '../../app/api/client';
import { appKeys } from '../../app/api/keys';
import type { FleetHost, FleetRequest } from '../../app/api/types';
import { useRights } from '../../app/api/hooks';
import { messageOf, unwrap } from '../../health';

type Part = Omit<FleetRequest, 'state'>;

/** The demo's control of its simulated fleet: breaks a part of this host, or mends it. */
export function DemoFleetPanel({ hostId }: { hostId: string }) {
  const { canEdit } = useRights();
  const queries = useQueryClient();
  const fleet = useQuery({
    queryKey: appKeys.demoFleet,
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/demo/fleet', { signal })),
    enabled: canEdit,
    // Outside the demo there is no such route, and nothing is missed.
    retry: false,
    staleTime: 60_000,
  });
  const set = useMutation({
    mutationFn: (body: FleetRequest) =>
      unwrap(api.POST('/api/v1/demo/fleet/{host_id}', { params: { path: { host_id: hostId } }, body })),
    onSettled: () => queries.invalidateQueries({ queryKey: appKeys.demoFleet }),
  });
  const host = fleet.data?.hosts.find((each) => each.host_id === hostId);
  if (host === undefined || !canEdit) return null;
  return (
    <Paper variant="outlined" component="section" aria-labelledby="demo-fleet" sx={{ px: 2, py: 1.5 }}>
      <Typography variant="h6" component="h2" id="demo-fleet">
        Simulated host
      </Typography>
      <Typography variant="body2" color="text.secondary">
        Part of the demo: break something and watch the checks and gates react.
      </Typography>
      <Stack component="ul" spacing={0.5} sx={{ m: 0, mt: 1, p: 0, listStyle: 'none' }}>
        {partsOf(host).map(({ name, state, part }) => (
          <Stack component="li" key={name} direction="row" spacing={1.5} sx={{ alignItems: 'center' }}>
            <Box sx={{ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }}>
              <Typography variant="body2" component="span">
                {name}
              </Typography>
              <Typography variant="body2" component="span" color="text.secondary">
                {' '}
                · {state.replaceAll('_', ' ')}
              </Typography>
            </Box>
            <Button
              size="small"
              disabled={set.isPending}
              aria-label={`${state === 'healthy' ? 'Break' : 'Repair'} ${name}`}
              onClick={() => set.mutate({ ...part, state: state === 'healthy' ? broken(part) : 'healthy' })}
            >
              {state === 'healthy' ? 'Break' : 'Repair'}
            </Button>
          </Stack>
        ))}
      </Stack>
      {set.isError && <Alert severity="error">{messageOf(set.error)}</Alert>}
    </Paper>
  );
}

function broken(part: Part): FleetRequest['state'] {
  return part.agent === true ? 'dead' : 'failed';
}

function partsOf(host: FleetHost): { name: string; state: FleetRequest['state']; part: Part }[] {
  return [
    ...Object.entries(host.services).map(([service, state]) => ({ name: service, state, part: { service } })),
    ...(host.http == null ? [] : [{ name: 'web service', state: host.http, part: { http: true } }]),
    { name: 'agent', state: host.agent, part: { agent: true } },
    { name: 'the next patch', state: host.patch, part: { patch: true } },
  ];
}
