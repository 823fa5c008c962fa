import { Autocomplete, Box, Button, MenuItem, TextField } from '@mui/material';
import { hostSearch } from '../../app/api/hooks';
import { fromLocalInput, toLocalInput } from '../../app/zoned';
import { HostPicker, LOCAL_ZONE } from '../../health';
import { SearchField } from '../hosts/SearchField';
import type { AuditAction } from '../../health';
import { ACTIONS, actionWords, isFiltered, SPANS, type AuditView, type Span } from './filter';

/** Properties of {@link AuditFilters}. */
export interface AuditFiltersProps {
  view: AuditView;
  onChange: (part: Partial<AuditView>) => void;
  onClear: () => void;
}

/** Who, what, on which host, with which outcome, when. */
export function AuditFilters({ view, onChange, onClear }: AuditFiltersProps) {
  return (
    <Box
      component="section"
      aria-label="Filters"
      sx={{ display: 'flex', flexWrap: 'wrap', columnGap: 1, rowGap: 1.5, p: 1.5, alignItems: 'flex-start' }}
    >
      {/* Anew where the filters are cleared: it holds what is being typed. */}
      <SearchField
        key={`who ${isFiltered(view)}`}
        label="User’s name"
        value={view.who}
        onChange={(who) => onChange({ who })}
      />
      <Autocomplete<AuditAction, true>
        multiple
        disableCloseOnSelect
        limitTags={1}
        options={ACTIONS}
        value={[...view.actions]}
        onChange={(_, actions) => onChange({ actions })}
        getOptionLabel={actionWords}
        sx={{ width: { xs: '100%', sm: 280 } }}
        renderInput={(params) => <TextField {...params} label="Actions" />}
      />
      <Box sx={{ width: { xs: '100%', sm: 220 } }}>
        <HostPicker
          label="Host"
          value={view.host}
          search={hostSearch}
          onChange={(host) => onChange({ host })}
        />
      </Box>
      <TextField
        select
        label="Outcome"
        value={view.outcome}
        onChange={(event) => onChange({ outcome: event.target.value as AuditView['outcome'] })}
        slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
        sx={{ minWidth: 120 }}
      >
        <MenuItem value="">Any</MenuItem>
        <MenuItem value="allowed">Done</MenuItem>
        <MenuItem value="refused">Refused</MenuItem>
      </TextField>
      <TextField
        select
        label="Time"
        value={view.span}
        onChange={(event) => onChange({ span: event.target.value as AuditView['span'] })}
        slotProps={{ select: { displayEmpty: true }, inputLabel: { shrink: true } }}
        sx={{ minWidth: 150 }}
      >
        <MenuItem value="">All time</MenuItem>
        {(Object.keys(SPANS) as Span[]).map((span) => (
          <MenuItem key={span} value={span}>
            {SPANS[span].word}
          </MenuItem>
        ))}
        <MenuItem value="custom">Between…</MenuItem>
      </TextField>
      {view.span === 'custom' &&
        (['from', 'until'] as const).map((side) => (
          <TextField
            key={side}
            type="datetime-local"
            label={`${side === 'from' ? 'From' : 'Until'} (${LOCAL_ZONE.name})`}
            value={view[side] === '' ? '' : toLocalInput(Date.parse(view[side]))}
            onChange={(event) => {
              const instant = fromLocalInput(event.target.value);
              onChange({ [side]: instant === null ? '' : new Date(instant).toISOString() });
            }}
            slotProps={{ inputLabel: { shrink: true } }}
          />
        ))}
      <Button onClick={onClear} disabled={!isFiltered(view)}>
        Clear filters
      </Button>
    </Box>
  );
}
