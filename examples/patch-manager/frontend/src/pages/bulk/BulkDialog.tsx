import { Alert, Button, DialogActions, DialogContent, DialogContentText, TextField } from '@mui/material';
import { useState, type FormEvent, type ReactNode } from 'react';
import { useBulk, type JobBulk } from '../../app/api/hooks';
import type { HostOutcomeList } from '../../app/api/types';
import { count, FormDialog, messageOf, reasonFault } from '../../health';

/** What is done to many hosts. */
export type BulkKind = JobBulk['kind'];

interface Words {
  title: (hosts: string) => string;
  /** What will happen. */
  text: ReactNode;
  confirm: string;
  /** What a host is afterwards. */
  done: string;
  color: 'primary' | 'warning' | 'error';
  /** What the reason is for; none is asked for where it is missing. */
  reason?: string;
}

const WORDS: Readonly<Record<BulkKind, Words>> = {
  override: {
    title: (hosts) => `Override the failing checks of ${hosts}?`,
    text: 'Each host may be patched while the checks that fail now go on failing, until its window closes. A check that fails later holds its host. Each override is written to the audit log with your name.',
    confirm: 'Override and continue',
    done: 'overridden',
    color: 'warning',
    reason: 'Why it is safe to go ahead, for whoever reads the audit log.',
  },
  cancel: {
    title: (hosts) => `Cancel the job on ${hosts}?`,
    text: 'These hosts will not be patched; the job goes on with the others. Hosts that are being patched are patched to the end.',
    confirm: 'Cancel these hosts',
    done: 'cancelled',
    color: 'error',
  },
  pause: {
    title: (hosts) => `Pause ${hosts}?`,
    text: 'While they are paused no job patches these hosts, whatever their checks say. Jobs for them wait, and fail when their window closes.',
    confirm: 'Pause',
    done: 'paused',
    color: 'primary',
    reason: 'Shown to everyone who wonders why these hosts wait.',
  },
  resume: {
    title: (hosts) => `Resume ${hosts}?`,
    text: 'Jobs may patch these hosts again.',
    confirm: 'Resume',
    done: 'resumed',
    color: 'primary',
  },
};

/** Properties of {@link BulkDialog}. */
export interface BulkDialogProps {
  kind: BulkKind;
  /** The job whose hosts they are, where there is one. */
  jobId?: string;
  ids: readonly string[];
  nameOf: (id: string) => string;
  onClose: () => void;
}

/** Asks before something is done to many hosts, and says what became of each. */
export function BulkDialog({ kind, jobId, ids: asked, nameOf, onClose }: BulkDialogProps) {
  const words = WORDS[kind];
  // What was asked for: the list under the dialog goes on changing.
  const [ids] = useState(asked);
  const bulk = useBulk(jobId);
  const [reason, setReason] = useState('');
  const [tried, setTried] = useState(false);
  const fault =
    words.reason === undefined
      ? undefined
      : kind === 'override'
        ? reasonFault(reason, tried)
        : tried && reason.trim() === ''
          ? 'Give a reason.'
          : undefined;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setTried(true);
    const missing = kind === 'override' ? reasonFault(reason) !== undefined : reason.trim() === '';
    if (words.reason !== undefined && missing) return;
    const given = { ids, reason: reason.trim() };
    bulk.mutate(kind === 'override' || kind === 'pause' ? { kind, ...given } : { kind, ids });
  };
  return (
    <FormDialog
      open
      filled={reason.trim() !== '' && !bulk.isSuccess}
      title={words.title(count(ids.length, 'host'))}
      busy={bulk.isPending}
      onClose={onClose}
    >
      {bulk.isSuccess ? (
        <>
          <DialogContent>
            <Outcome list={bulk.data} done={words.done} nameOf={nameOf} />
          </DialogContent>
          <DialogActions>
            {/* eslint-disable-next-line jsx-a11y/no-autofocus -- the button that had the focus is gone */}
            <Button variant="contained" onClick={onClose} autoFocus>
              Close
            </Button>
          </DialogActions>
        </>
      ) : (
        <form onSubmit={submit} noValidate>
          <DialogContent>
            <DialogContentText sx={{ mb: 2 }}>{words.text}</DialogContentText>
            {words.reason !== undefined && (
              <TextField
                label="Reason"
                required
                fullWidth
                multiline
                minRows={2}
                value={reason}
                onChange={(event) => setReason(event.target.value)}
                error={fault !== undefined}
                helperText={fault ?? words.reason}
                slotProps={{ htmlInput: { maxLength: kind === 'pause' ? 200 : 500 } }}
              />
            )}
            {bulk.isError && (
              <Alert severity="error" role="alert" sx={{ mt: 2 }}>
                {messageOf(bulk.error)} Some hosts may have been done before.
              </Alert>
            )}
          </DialogContent>
          <DialogActions>
            <Button onClick={onClose} disabled={bulk.isPending}>
              Keep as it is
            </Button>
            <Button type="submit" variant="contained" color={words.color} loading={bulk.isPending}>
              {words.confirm}
            </Button>
          </DialogActions>
        </form>
      )}
    </FormDialog>
  );
}

/** The hosts that are named for one cause. */
const NAMED = 12;

interface OutcomeProps {
  list: HostOutcomeList;
  done: string;
  nameOf: (id: string) => string;
}

/** "12 overridden, 3 refused", and why. */
export function Outcome({ list, done, nameOf }: OutcomeProps) {
  const causes = new Map<string, string[]>();
  const notes = new Map<string, string[]>();
  for (const host of list.hosts) {
    const [told, key] = host.done ? [notes, host.detail] : [causes, host.detail];
    told.set(key, [...(told.get(key) ?? []), nameOf(host.host_id)]);
  }
  const number = (value: number) => value.toLocaleString('en-GB');
  return (
    <Alert severity={list.refused === 0 ? 'success' : list.done === 0 ? 'error' : 'warning'} role="status">
      <strong>
        {number(list.done)} {done}
        {list.refused > 0 && `, ${number(list.refused)} refused`}
      </strong>
      {[...causes].map(([cause, names]) => (
        <div key={cause}>
          {number(names.length)} refused: {cause} ({some(names)})
        </div>
      ))}
      {list.refused > 0 || notes.size > 1
        ? [...notes].map(([note, names]) => (
            <div key={note}>
              {number(names.length)}: {note} ({some(names)})
            </div>
          ))
        : null}
    </Alert>
  );
}

/** "web-01, web-02 and 5 more" */
export function some(names: readonly string[]): string {
  const more = names.length - NAMED;
  return more > 0
    ? `${names.slice(0, NAMED).join(', ')} and ${more.toLocaleString('en-GB')} more`
    : names.join(', ');
}
