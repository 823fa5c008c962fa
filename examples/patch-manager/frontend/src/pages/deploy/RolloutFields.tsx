import {
  Box,
  Button,
  FormControlLabel,
  FormGroup,
  FormHelperText,
  IconButton,
  Stack,
  Switch,
  TextField,
  Typography,
} from '@mui/material';
import { useId, useRef } from 'react';
import { AddIcon, DeleteIcon } from '../../app/icons';
import { amountWords, MOST_STAGES, rolloutFaults, type RolloutPlan, type StagePlan } from './rollout';

/** Properties of {@link RolloutFields}. */
export interface RolloutFieldsProps {
  rollout: RolloutPlan;
  /** How many hosts the job has, for what a share of them is. */
  hosts: number;
  onChange: (rollout: RolloutPlan) => void;
}

/** The optional part of a job: a few hosts first, and a halt once too many have failed. */
export function RolloutFields({ rollout, hosts, onChange }: RolloutFieldsProps) {
  const id = useId();
  const add = useRef<HTMLButtonElement>(null);
  const faults = rolloutFaults(rollout);
  const change = (part: Partial<RolloutPlan>) => onChange({ ...rollout, ...part });
  const changeStage = (key: number, part: Partial<StagePlan>) =>
    change({ stages: rollout.stages.map((each) => (each.key === key ? { ...each, ...part } : each)) });
  const amount = (field: string, text: string, words: string) => ({
    error: faults[field] !== undefined,
    helperText: faults[field] ?? `${words}: ${amountWords(text, hosts) ?? ''}`,
    slotProps: { htmlInput: { maxLength: 9, inputMode: 'text' as const, autoComplete: 'off' } },
  });
  return (
    <FormGroup role="group" aria-labelledby={`${id}-switch`}>
      <FormControlLabel
        control={<Switch checked={rollout.on} onChange={(_, on) => change({ on })} />}
        label={<span id={`${id}-switch`}>Roll out in stages</span>}
      />
      <FormHelperText sx={{ mt: 0 }}>
        A few hosts first; the next stage begins once all of the last are verified. Too many failures halt the
        job.
      </FormHelperText>
      {rollout.on && (
        <Stack spacing={2} sx={{ mt: 1.5 }}>
          <Typography variant="subtitle2" component="h3">
            Stages
          </Typography>
          <Stack component="ol" spacing={1.5} sx={{ m: 0, p: 0, listStyle: 'none' }} aria-label="Stages">
            {rollout.stages.map((stage, index) => (
              <Stack
                component="li"
                key={stage.key}
                direction="row"
                spacing={1.5}
                sx={{ alignItems: 'flex-start' }}
              >
                <TextField
                  label={`Stage ${index + 1}: up to`}
                  required
                  value={stage.upTo}
                  onChange={(event) => changeStage(stage.key, { upTo: event.target.value })}
                  {...amount(`stages[${index}].up_to`, stage.upTo, 'In all')}
                />
                <TextField
                  label={`Stage ${index + 1}: watch for (minutes)`}
                  required
                  value={stage.soakMinutes}
                  onChange={(event) => changeStage(stage.key, { soakMinutes: event.target.value })}
                  error={faults[`stages[${index}].soak_secs`] !== undefined}
                  helperText={faults[`stages[${index}].soak_secs`] ?? 'Before the next stage begins.'}
                  slotProps={{ htmlInput: { inputMode: 'numeric', maxLength: 5, autoComplete: 'off' } }}
                />
                <IconButton
                  aria-label={`Remove stage ${index + 1}`}
                  disabled={rollout.stages.length === 1}
                  onClick={() => {
                    change({ stages: rollout.stages.filter((each) => each.key !== stage.key) });
                    // Its own button is gone: whoever uses the keyboard must not start at the top again.
                    add.current?.focus();
                  }}
                >
                  <DeleteIcon fontSize="small" />
                </IconButton>
              </Stack>
            ))}
          </Stack>
          <Box>
            <Button
              ref={add}
              size="small"
              startIcon={<AddIcon />}
              disabled={rollout.stages.length >= MOST_STAGES}
              onClick={() => {
                const key = Math.max(...rollout.stages.map((each) => each.key)) + 1;
                change({ stages: [...rollout.stages, { key, upTo: '100%', soakMinutes: '0' }] });
              }}
            >
              Add a stage
            </Button>
          </Box>
          <Stack direction={{ xs: 'column', sm: 'row' }} spacing={1.5}>
            <TextField
              label="At the same time"
              required
              value={rollout.maxInFlight}
              onChange={(event) => change({ maxInFlight: event.target.value })}
              {...amount('max_in_flight', rollout.maxInFlight, 'Being patched or verified')}
            />
            <TextField
              label="Failures allowed"
              required
              value={rollout.failureBudget}
              onChange={(event) => change({ failureBudget: event.target.value })}
              {...amount('failure_budget', rollout.failureBudget, 'One more halts it')}
            />
          </Stack>
        </Stack>
      )}
    </FormGroup>
  );
}
