import {
  Alert,
  Button,
  Checkbox,
  DialogActions,
  DialogContent,
  DialogContentText,
  FormControl,
  FormControlLabel,
  FormGroup,
  FormHelperText,
  FormLabel,
  Stack,
} from '@mui/material';
import { useEffect, useState, type FormEvent } from 'react';
import { useHostNames } from '../../app/api/hooks';
import {
  count,
  FormDialog,
  messageOf,
  useCopyChecks,
  useHealthChecks,
  type CopyResult,
  type HealthCheck,
} from '../../health';
import { some } from '../bulk/BulkDialog';
import { HostsField } from './HostsField';

/** Properties of {@link CopyChecksDialog}. */
export interface CopyChecksDialogProps {
  hostId: string;
  hostName: string;
  onClose: () => void;
}

/** The most hosts that are copied to in one go. */
const MOST_HOSTS = 1_000;

/** Copies checks of a host to other hosts, and says what became of each copy. */
export function CopyChecksDialog(props: CopyChecksDialogProps) {
  const [filled, setFilled] = useState(false);
  return (
    <FormDialog open filled={filled} title={`Copy checks of ${props.hostName}`} onClose={props.onClose}>
      <Form {...props} onFilled={setFilled} />
    </FormDialog>
  );
}

interface FormProps extends CopyChecksDialogProps {
  onFilled: (filled: boolean) => void;
}

function Form({ hostId, onClose, onFilled }: FormProps) {
  const checks = useHealthChecks(hostId).data ?? [];
  const copy = useCopyChecks(hostId);
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [hosts, setHosts] = useState<readonly string[]>([]);
  const [tried, setTried] = useState(false);
  const filled = !copy.isSuccess && (chosen.length > 0 || hosts.length > 0);
  useEffect(() => onFilled(filled), [onFilled, filled]);
  const secrets = checks.some((check) => chosen.includes(check.id) && check.has_basic_auth_pass);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    if (chosen.length === 0 || hosts.length === 0) return;
    copy.mutate({ checkIds: chosen, hostIds: hosts });
  };
  if (copy.isSuccess) {
    return (
      <>
        <DialogContent>
          <Copies results={copy.data} checks={checks} />
        </DialogContent>
        <DialogActions>
          {/* eslint-disable-next-line jsx-a11y/no-autofocus -- the button that had the focus is gone */}
          <Button variant="contained" onClick={onClose} autoFocus>
            Close
          </Button>
        </DialogActions>
      </>
    );
  }
  const noCheck = tried && chosen.length === 0;
  return (
    <form onSubmit={submit} noValidate>
      <DialogContent>
        <Stack spacing={2}>
          <DialogContentText>
            Each host gets checks of its own, which can be changed without this host’s. A host that has the
            same check already keeps it.
          </DialogContentText>
          <FormControl component="fieldset" error={noCheck}>
            <FormLabel component="legend">Checks</FormLabel>
            <FormGroup>
              {checks.map((check) => (
                <FormControlLabel
                  key={check.id}
                  control={
                    <Checkbox
                      checked={chosen.includes(check.id)}
                      onChange={(_, on) =>
                        setChosen((current) =>
                          on ? [...current, check.id] : current.filter((each) => each !== check.id),
                        )
                      }
                    />
                  }
                  label={`${check.name}: ${check.service_name ?? check.url ?? ''}`}
                  sx={{ overflowWrap: 'anywhere' }}
                />
              ))}
            </FormGroup>
            {noCheck && <FormHelperText>Choose at least one check.</FormHelperText>}
          </FormControl>
          {secrets && (
            <Alert severity="info">
              Passwords are copied with their checks and encrypted for each host. Nobody sees them.
            </Alert>
          )}
          <HostsField
            ids={hosts}
            onChange={setHosts}
            most={MOST_HOSTS}
            except={hostId}
            fault={tried && hosts.length === 0 ? 'Choose at least one host.' : undefined}
          />
          {copy.isError && (
            <Alert severity="error" role="alert">
              {messageOf(copy.error)}
            </Alert>
          )}
        </Stack>
      </DialogContent>
      <DialogActions>
        <Button onClick={onClose} disabled={copy.isPending}>
          Cancel
        </Button>
        <Button type="submit" variant="contained" loading={copy.isPending}>
          Copy to {count(hosts.length, 'host')}
        </Button>
      </DialogActions>
    </form>
  );
}

function Copies({ results, checks }: { results: readonly CopyResult[]; checks: readonly HealthCheck[] }) {
  const refused = results.filter((result) => result.outcome === 'refused');
  const hostName = useHostNames(refused.map((result) => result.host_id));
  const number = (outcome: CopyResult['outcome']) =>
    results.filter((result) => result.outcome === outcome).length;
  const present = number('present');
  const causes = new Map<string, string[]>();
  for (const { host_id, check_id, detail } of refused) {
    const check = checks.find((each) => each.id === check_id)?.name ?? 'a check';
    causes.set(detail ?? '', [...(causes.get(detail ?? '') ?? []), `${check} on ${hostName(host_id)}`]);
  }
  return (
    <Alert severity={refused.length === 0 ? 'success' : 'warning'} role="status">
      <strong>
        {number('created').toLocaleString('en-GB')} copied
        {present > 0 && `, ${present.toLocaleString('en-GB')} there already`}
        {refused.length > 0 && `, ${refused.length.toLocaleString('en-GB')} refused`}
      </strong>
      {[...causes].map(([cause, copies]) => (
        <div key={cause}>
          {copies.length.toLocaleString('en-GB')} refused: {cause} ({some(copies)})
        </div>
      ))}
    </Alert>
  );
}
