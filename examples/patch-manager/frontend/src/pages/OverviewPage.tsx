import { Box } from '@mui/material';
import { Page } from '../app/Page';
import { Ahead } from './overview/Ahead';
import { FleetHealth } from './overview/FleetHealth';
import { Today } from './overview/Today';
import { WaitingJobs } from './overview/WaitingJobs';

/** The first page: how the fleet is, what waits and why, what comes next, and what happened today. */
export default function OverviewPage() {
  return (
    <Page title="Overview" subtitle="How the fleet is, what waits, what comes next, and what changed today.">
      <FleetHealth />
      <Box
        sx={{
          display: 'grid',
          gap: 2,
          gridTemplateColumns: { xs: 'minmax(0, 1fr)', lg: 'minmax(0, 3fr) minmax(0, 2fr)' },
          alignItems: 'start',
        }}
      >
        <WaitingJobs />
        <Box sx={{ display: 'grid', gap: 2, gridTemplateColumns: 'minmax(0, 1fr)' }}>
          <Ahead />
          <Today />
        </Box>
      </Box>
    </Page>
  );
}
