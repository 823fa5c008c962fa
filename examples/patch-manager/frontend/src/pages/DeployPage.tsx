import { Alert, Box, Button, Paper, Stack, Step, StepLabel, Stepper, Typography } from '@mui/material';
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react';
import { useLocation, useNavigate, useSearchParams } from 'react-router';
import { useCreateJob, useHostsOf, useJob, useMe, useRights } from '../app/api/hooks';
import type { Host } from '../app/api/types';
import { LoadError, Page, Waiting } from '../app/Page';
import { count } from '../health';
import { ChooseHosts } from './deploy/ChooseHosts';
import { ChooseTime } from './deploy/ChooseTime';
import { INITIAL_PLAN, planFault, planOf, type Plan } from './deploy/plan';
import { Review } from './deploy/Review';
import { fragmentOf, idsOf } from './deploy/selection';

const STEPS = ['Hosts', 'Time', 'Review'];

/** Three steps to a job: which hosts, when, and what the gate would say before anything is submitted. */
export default function DeployPage() {
  const [parameters] = useSearchParams();
  const preset = parameters.get('host');
  const me = useMe();
  const { canEdit } = useRights();
  // Until the server has said who this is, nobody knows what their role can do.
  if (me.data === undefined) {
    return (
      <Page title="Deploy">
        {me.isError ? (
          <LoadError what="Your role" error={me.error} onRetry={() => void me.refetch()} />
        ) : (
          <Waiting />
        )}
      </Page>
    );
  }
  if (!canEdit) {
    return (
      <Page title="Deploy">
        <Alert severity="info">Your role can view hosts and jobs, but cannot submit jobs.</Alert>
      </Page>
    );
  }
  const again = parameters.get('again');
  return again === null ? (
    <Steps preset={preset} initial={INITIAL_PLAN} />
  ) : (
    <Again key={again} jobId={again} preset={preset} />
  );
}

/** The steps with the settings of another job, for the hosts on which it is to be tried again. */
function Again({ jobId, preset }: { jobId: string; preset: string | null }) {
  const job = useJob(jobId);
  // As it was when it was first read: what a person has changed since must stay.
  const [initial, setInitial] = useState<Plan | null>(null);
  if (initial === null && job.data !== undefined) setInitial(planOf(job.data));
  if (initial !== null) return <Steps preset={preset} initial={initial} />;
  return (
    <Page title="Deploy">
      {job.isError ? (
        <LoadError what="The job" error={job.error} onRetry={() => void job.refetch()} />
      ) : (
        <Waiting label="Loading the job" />
      )}
    </Page>
  );
}

/** The chosen hosts, kept in the address: a link, Back and a reload choose the same. */
function useChosen(preset: string | null) {
  const { hash } = useLocation();
  const navigate = useNavigate();
  const [known, setKnown] = useState<ReadonlyMap<string, Host>>(new Map());
  // The router shows a new address a moment after the click that asked for it.
  const [asked, setAsked] = useState<{ at: string; ids: string[] } | null>(null);
  if (asked !== null && asked.at !== hash) setAsked(null);
  const ids = useMemo(
    () => asked?.ids ?? idsOf(hash) ?? (preset === null ? [] : [preset]),
    [asked, hash, preset],
  );
  const missing = useHostsOf(ids, known);
  const found = new Map([...known, ...(missing.data ?? []).map((host) => [host.id, host] as const)]);
  const chosen = new Map(
    ids.flatMap((id) => {
      const host = found.get(id);
      return host === undefined ? [] : [[id, host] as const];
    }),
  );
  return {
    chosen,
    pending: missing.isLoading,
    error: missing.error,
    retry: () => void missing.refetch(),
    /** How many chosen hosts are gone, or hidden from who looks. */
    unavailable: missing.isLoading ? 0 : ids.length - chosen.size,
    choose: (next: ReadonlyMap<string, Host>) => {
      setKnown(new Map([...found, ...next]));
      setAsked({ at: hash, ids: [...next.keys()] });
      void navigate({ hash: fragmentOf(next.keys()) }, { replace: true, preventScrollReset: true });
    },
  };
}

function Steps({ preset, initial }: { preset: string | null; initial: Plan }) {
  const [step, setStep] = useState(0);
  const { chosen, pending, error, retry, unavailable, choose } = useChosen(preset);
  const [plan, setPlan] = useState<Plan>(initial);
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
      ? pending
        ? 'The chosen hosts are still being loaded.'
        : chosen.size === 0
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
      words={
        pending
          ? 'Loading the chosen hosts'
          : chosen.size === 0
            ? 'No host chosen'
            : `${count(chosen.size, 'host')} chosen`
      }
      onClear={step === 0 && chosen.size > 0 ? () => choose(new Map()) : null}
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
        {step === 0 && error !== null && (
          <Box sx={{ px: 2, pt: 1.5 }}>
            <LoadError what="The chosen hosts" error={error} onRetry={retry} />
          </Box>
        )}
        {step === 0 && error === null && unavailable > 0 && (
          <Alert severity="warning" sx={{ mx: 2, mt: 1.5 }}>
            {count(unavailable, 'host')} of this selection {unavailable === 1 ? 'does' : 'do'} not exist, or
            you do not have access to {unavailable === 1 ? 'it' : 'them'}.
          </Alert>
        )}
        {step === 0 && <ChooseHosts chosen={chosen} onChange={choose} />}
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
