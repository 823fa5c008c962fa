import {
  Alert,
  Box,
  Button,
  Paper,
  Skeleton,
  Stack,
  Step,
  StepLabel,
  Stepper,
  Typography,
} from '@mui/material';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { useCreateJob, useHost, useRights } from '../app/api/hooks';
import type { Host } from '../app/api/types';
import { Page } from '../app/Page';
import { count } from '../health';
import { ChooseHosts } from './deploy/ChooseHosts';
import { ChooseTime } from './deploy/ChooseTime';
import { INITIAL_PLAN, planFault, type Plan } from './deploy/plan';
import { Review } from './deploy/Review';

const STEPS = ['Hosts', 'Time', 'Review'];

/** Three steps to a job: which hosts, when, and what the gate would say before anything is submitted. */
export default function DeployPage() {
  const [parameters] = useSearchParams();
  const preset = parameters.get('host');
  const { canEdit } = useRights();
  if (!canEdit) {
    return (
      <Page title="Deploy">
        <Alert severity="info">You may look at hosts and jobs; submitting one needs another role.</Alert>
      </Page>
    );
  }
  return preset === null ? <Steps chosen={[]} /> : <WithPreset id={preset} />;
}

function WithPreset({ id }: { id: string }) {
  const host = useHost(id);
  if (host.isPending) {
    return (
      <Page title="Deploy">
        <Skeleton variant="rounded" height={260} />
      </Page>
    );
  }
  return <Steps chosen={host.data === undefined ? [] : [host.data]} />;
}

function Steps({ chosen: preset }: { chosen: Host[] }) {
  const [step, setStep] = useState(0);
  const [chosen, setChosen] = useState<ReadonlyMap<string, Host>>(
    () => new Map(preset.map((host) => [host.id, host])),
  );
  const [plan, setPlan] = useState<Plan>(INITIAL_PLAN);
  const [tried, setTried] = useState(false);
  const create = useCreateJob();
  const navigate = useNavigate();
  const heading = useRef<HTMLHeadingElement>(null);
  const moved = useRef(false);
  useEffect(() => {
    if (moved.current) heading.current?.focus();
    moved.current = true;
  }, [step]);

  const fault =
    step === 0
      ? chosen.size === 0
        ? 'Choose at least one host.'
        : null
      : step === 1
        ? planFault(plan)
        : null;
  const next = () => {
    setTried(true);
    if (fault !== null) return;
    setTried(false);
    setStep(step + 1);
  };
  const back = () => {
    create.reset();
    setTried(false);
    setStep(step - 1);
  };
  const footer = (action: ReactNode) => (
    <Footer
      words={chosen.size === 0 ? 'No host chosen' : `${count(chosen.size, 'host')} chosen`}
      onClear={step === 0 && chosen.size > 0 ? () => setChosen(new Map()) : null}
      onBack={step > 0 && !create.isPending ? back : null}
      action={action}
    />
  );
  return (
    <Page title="Deploy" subtitle="Patch hosts: each waits at its gate until its health checks are healthy.">
      <Stepper activeStep={step} sx={{ maxWidth: 560 }}>
        {STEPS.map((label) => (
          <Step key={label}>
            <StepLabel>{label}</StepLabel>
          </Step>
        ))}
      </Stepper>
      <Paper variant="outlined" component="section" aria-labelledby="deploy-step">
        <Typography
          id="deploy-step"
          ref={heading}
          tabIndex={-1}
          variant="h6"
          component="h2"
          sx={{ px: 2, pt: 1.5, outline: 'none' }}
        >
          {['Which hosts?', 'When?', 'Before you submit'][step]}
        </Typography>
        {step === 0 && <ChooseHosts chosen={chosen} onChange={setChosen} />}
        {step === 1 && <ChooseTime plan={plan} hosts={[...chosen.values()]} onChange={setPlan} />}
        {step === 2 && (
          <Review
            plan={plan}
            hosts={[...chosen.values()]}
            busy={create.isPending}
            error={create.error}
            onSubmit={(body) => create.mutate(body, { onSuccess: (job) => void navigate(`/jobs/${job.id}`) })}
            footer={footer}
          />
        )}
        {tried && fault !== null && (
          <Box sx={{ px: 2, pb: 1 }}>
            <Alert severity="error" role="alert">
              {fault}
            </Alert>
          </Box>
        )}
        {step < 2 &&
          footer(
            <Button variant="contained" onClick={next}>
              Continue
            </Button>,
          )}
      </Paper>
    </Page>
  );
}

interface FooterProps {
  words: string;
  onClear: (() => void) | null;
  onBack: (() => void) | null;
  action: ReactNode;
}

/** The line of buttons, which stays in sight while a long list scrolls. */
function Footer({ words, onClear, onBack, action }: FooterProps) {
  return (
    <Stack
      direction="row"
      spacing={1}
      sx={{
        px: 2,
        py: 1.25,
        borderTop: 1,
        borderColor: 'divider',
        alignItems: 'center',
        position: 'sticky',
        bottom: { xs: 56, md: 0 },
        bgcolor: 'background.paper',
        zIndex: 2,
        borderRadius: '0 0 8px 8px',
      }}
    >
      <Typography variant="body2" color="text.secondary" sx={{ flex: 1 }} role="status">
        {words}
      </Typography>
      {onClear !== null && <Button onClick={onClear}>Clear</Button>}
      {onBack !== null && <Button onClick={onBack}>Back</Button>}
      {action}
    </Stack>
  );
}
