import {
  Box,
  Button,
  Chip,
  IconButton,
  Paper,
  Table,
  TableBody,
  TableCell,
  TableContainer,
  TableHead,
  TableRow,
  Tooltip,
  Typography,
} from '@mui/material';
import { useRef, useState } from 'react';
import { useDeleteWindow, useRights, useWindows } from '../app/api/hooks';
import type { MaintenanceWindow } from '../app/api/types';
import { FreezeNotice } from '../app/FreezeNotice';
import { AddIcon, DeleteIcon, EditIcon } from '../app/icons';
import { Empty, LoadError, Page, Waiting } from '../app/Page';
import { ConfirmDialog, count, visuallyHidden } from '../health';
import { recurrenceWords } from './windows/form';
import { Occurrence } from './windows/Occurrence';
import { WindowDialog } from './windows/WindowDialog';

const wide = { display: { xs: 'none', md: 'table-cell' } };

/** The maintenance windows: when hosts may be patched. */
export default function WindowsPage() {
  const windows = useWindows();
  const remove = useDeleteWindow();
  const { canEdit } = useRights();
  const [dialog, setDialog] = useState<{ window: MaintenanceWindow | null } | null>(null);
  const [deleting, setDeleting] = useState<MaintenanceWindow | null>(null);
  const add = useRef<HTMLButtonElement>(null);
  const all = windows.data?.pages.flatMap((page) => page.windows) ?? [];
  return (
    <Page
      title="Maintenance windows"
      subtitle="When hosts may be patched. Jobs that wait for a window start nothing outside it."
      actions={
        canEdit && (
          <Button
            ref={add}
            variant="contained"
            startIcon={<AddIcon />}
            onClick={() => setDialog({ window: null })}
          >
            Add window
          </Button>
        )
      }
    >
      <FreezeNotice upcoming />
      <Paper variant="outlined">
        {windows.isError && (
          <Box sx={{ p: 1.5 }}>
            <LoadError what="The windows" error={windows.error} onRetry={() => void windows.refetch()} />
          </Box>
        )}
        {windows.isPending && <Waiting label="Loading the windows" />}
        {windows.data !== undefined && all.length === 0 && (
          <Empty title="No maintenance windows">A job can still have its own window.</Empty>
        )}
        {all.length > 0 && (
          <TableContainer>
            <Table size="small">
              <caption style={visuallyHidden}>Maintenance windows</caption>
              <TableHead>
                <TableRow>
                  <TableCell>Window</TableCell>
                  <TableCell>Now or next</TableCell>
                  <TableCell sx={wide}>Hosts</TableCell>
                  {canEdit && <TableCell align="right">Actions</TableCell>}
                </TableRow>
              </TableHead>
              <TableBody>
                {all.map((window) => (
                  <TableRow key={window.id} hover>
                    <TableCell component="th" scope="row" sx={{ overflowWrap: 'anywhere' }}>
                      <strong>{window.name}</strong>
                      {!window.enabled && (
                        <Chip label="Disabled" variant="outlined" sx={{ ml: 1, height: 20 }} />
                      )}
                      <Typography variant="body2" color="text.secondary">
                        {recurrenceWords(window)}
                      </Typography>
                    </TableCell>
                    <TableCell>
                      <Occurrence window={window} />
                    </TableCell>
                    <TableCell sx={wide}>{count(window.host_ids.length, 'host')}</TableCell>
                    {canEdit && (
                      <TableCell align="right" sx={{ whiteSpace: 'nowrap' }}>
                        <Tooltip title={`Edit ${window.name}`}>
                          <IconButton
                            size="small"
                            aria-label={`Edit ${window.name}`}
                            onClick={() => setDialog({ window })}
                          >
                            <EditIcon />
                          </IconButton>
                        </Tooltip>
                        <Tooltip title={`Delete ${window.name}`}>
                          <IconButton
                            size="small"
                            aria-label={`Delete ${window.name}`}
                            onClick={() => {
                              remove.reset();
                              setDeleting(window);
                            }}
                          >
                            <DeleteIcon />
                          </IconButton>
                        </Tooltip>
                      </TableCell>
                    )}
                  </TableRow>
                ))}
              </TableBody>
            </Table>
          </TableContainer>
        )}
        {windows.hasNextPage && (
          <Box sx={{ p: 1 }}>
            <Button
              size="small"
              loading={windows.isFetchingNextPage}
              onClick={() => void windows.fetchNextPage()}
            >
              Show more
            </Button>
          </Box>
        )}
      </Paper>
      {dialog !== null && <WindowDialog open window={dialog.window} onClose={() => setDialog(null)} />}
      <ConfirmDialog
        open={deleting !== null}
        title={`Delete the window “${deleting?.name ?? ''}”?`}
        confirm="Delete"
        color="error"
        busy={remove.isPending}
        error={remove.error}
        returnFocus={() => add.current}
        onClose={() => setDeleting(null)}
        onConfirm={() => {
          if (deleting !== null) remove.mutate(deleting.id, { onSuccess: () => setDeleting(null) });
        }}
      >
        Jobs that wait in this window end without patching. This cannot be undone.
      </ConfirmDialog>
    </Page>
  );
}
