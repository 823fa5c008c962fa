import { Box, Button, Link, Paper, Skeleton, Stack, Typography } from '@mui/material';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link as RouterLink, useParams } from 'react-router';
import { hostSearch, useHost, useRights, useSettings } from '../app/api/hooks';
import { appKeys } from '../app/api/keys';
import type { Host } from '../app/api/types';
import { DeployIcon, PauseIcon } from '../app/icons';
import { LoadError, Page } from '../app/Page';
import { groupWords } from '../app/words';
import { HealthChecksSection, HostHealthIndicator } from '../health';
import { CopyChecksDialog } from './hosts/CopyChecksDialog';
import { DemoFleetPanel } from './hosts/DemoFleetPanel';
import { HostJobs } from './hosts/HostJobs';
import { WindowWords } from './hosts/HostTable';
import { PauseAlert, PauseDialog } from './hosts/PauseDialog';

const TRAIL = [{ label: 'Hosts', to: '/hosts' }];
const DAY_MS = 24 * 60 * 60 * 1_000;

/** One host: what its checks say, what else holds it back, and what can be done. */
export default function HostDetailPage() {
  const { hostId = '' } = useParams();
  const host = useHost(hostId);
  const { canEdit, canAudit } = useRights();
  const settings = useSettings().data;
  const queries = useQueryClient();
  // The header must agree with the checks under it at once.
  const renew = () => {
    void queries.invalidateQueries({ queryKey: appKeys.hosts });
  };
  const [pausing, setPausing] = useState(false);
  const [copying, setCopying] = useState(false);
  if (host.isError && host.data === undefined) {
    return (
      <Page title="Host" trail={TRAIL}>
        <LoadError what="The host" error={host.error} onRetry={() => void host.refetch()} />
      </Page>
    );
  }
  if (host.data === undefined) {
    return (
      <Page title="Host" trail={TRAIL}>
        <Skeleton variant="rounded" height={72} />
        <Skeleton variant="rounded" height={260} />
      </Page>
    );
  }
  const { data } = host;
  return (
    <Page
      key={data.id}
      title={data.name}
      trail={TRAIL}
      subtitle={`${data.address}:${data.agent_port} · ${groupWords(data)}`}
      actions={
        <>
          {canAudit && (
            <Button component={RouterLink} to={`/audit?host=${data.id}`}>
              Audit
            </Button>
          )}
          {canEdit && data.health.total > 0 && <Button onClick={() => setCopying(true)}>Copy checks…</Button>}
          {canEdit && data.paused == null && (
            <Button startIcon={<PauseIcon />} onClick={() => setPausing(true)}>
              Pause…
            </Button>
          )}
          {canEdit && (
            <Button
              variant="outlined"
              startIcon={<DeployIcon />}
              component={RouterLink}
              to={`/deploy?host=${data.id}`}
            >
              Deploy…
            </Button>
          )}
        </>
      }
    >
      {data.paused != null && <PauseAlert host={data} canEdit={canEdit} />}
      <Facts host={data} />
      <HealthChecksSection
        hostId={data.id}
        hostName={data.name}
        canEdit={canEdit}
        hosts={hostSearch}
        onChanged={renew}
        {...(settings !== undefined && {
          retention: settings.health_check_retention_days * DAY_MS,
          timeout: settings.health_check_timeout_secs,
        })}
      />
      <HostJobs hostId={data.id} />
      <DemoFleetPanel hostId={data.id} />
      {copying && (
        <CopyChecksDialog hostId={data.id} hostName={data.name} onClose={() => setCopying(false)} />
      )}
      <PauseDialog host={data} open={pausing} onClose={() => setPausing(false)} />
    </Page>
  );
}

function Facts({ host }: { host: Host }) {
  return (
    <Paper variant="outlined" sx={{ px: 2, py: 1.5 }}>
      <Stack direction={{ xs: 'column', sm: 'row' }} sx={{ columnGap: 6, rowGap: 1.5, flexWrap: 'wrap' }}>
        <Fact term="Health checks">
          <HostHealthIndicator health={host.health} size={20} />
        </Fact>
        <Fact term="Maintenance window">
          <WindowWords host={host} />{' '}
          <Link component={RouterLink} to="/windows">
            All windows
          </Link>
        </Fact>
        <Fact term="Agent certificate name">{host.agent_identity ?? 'same as address'}</Fact>
      </Stack>
    </Paper>
  );
}

function Fact({ term, children }: { term: string; children: React.ReactNode }) {
  return (
    <Box>
      <Typography variant="caption" color="text.secondary" component="div">
        {term}
      </Typography>
      <Typography variant="body1" component="div">
        {children}
      </Typography>
    </Box>
  );
}
