import { Autocomplete, TextField } from '@mui/material';
import { useEffect, useState } from 'react';

/** A host as it can be chosen. */
export interface HostOption {
  id: string;
  name: string;
}

/** Finds hosts by a part of their name, or one by its id; asked by the dialog as people type. */
export interface HostSearch {
  /** At most a few dozen hosts whose name holds the text. */
  byName: (text: string, signal: AbortSignal) => Promise<HostOption[]>;
  /** The host of this id, or `null` where it is gone or may not be seen. */
  byId: (id: string, signal: AbortSignal) => Promise<HostOption | null>;
}

/** Properties of {@link HostPicker}. */
export interface HostPickerProps {
  label: string;
  helperText?: string | undefined;
  error?: boolean;
  value: string | null;
  search: HostSearch;
  onChange: (id: string | null) => void;
}

/** Chooses one host out of any number: the search is the server's. */
export function HostPicker({ label, helperText, error, value, search, onChange }: HostPickerProps) {
  const [text, setText] = useState('');
  const [options, setOptions] = useState<HostOption[]>([]);
  const [loading, setLoading] = useState(false);
  const [chosen, setChosen] = useState<HostOption | null>(null);
  const [open, setOpen] = useState(false);

  useEffect(() => {
    if (value === null || chosen?.id === value) return undefined;
    const stop = new AbortController();
    search.byId(value, stop.signal).then(
      (host) => setChosen(host ?? { id: value, name: 'a host that is gone or hidden' }),
      () => undefined,
    );
    return () => stop.abort();
  }, [value, chosen, search]);

  useEffect(() => {
    if (!open) return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      setLoading(true);
      search
        .byName(text === chosen?.name ? '' : text, stop.signal)
        .then(setOptions, () => undefined)
        .finally(() => setLoading(false));
    }, 200);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text, open, search, chosen]);

  return (
    <Autocomplete
      value={value === null ? null : chosen}
      open={open}
      onOpen={() => setOpen(true)}
      onClose={() => setOpen(false)}
      onChange={(_, host) => {
        setChosen(host);
        onChange(host?.id ?? null);
      }}
      onInputChange={(_, typed) => setText(typed)}
      options={options}
      loading={loading}
      filterOptions={(all) => all}
      getOptionKey={(host) => host.id}
      getOptionLabel={(host) => host.name}
      isOptionEqualToValue={(a, b) => a.id === b.id}
      renderInput={(params) => (
        <TextField {...params} label={label} helperText={helperText} error={error ?? false} />
      )}
    />
  );
}
