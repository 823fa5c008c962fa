import { Box } from '@mui/material';
import type { SvgIconProps } from '@mui/material';
import type { ComponentType } from 'react';
import { STATUS_WORDS, type ShownStatus } from '../model/status';
import { DisabledIcon, HealthyIcon, NoneIcon, UnhealthyIcon, UnknownIcon } from './icons';
import { paletteOf } from './palette';

/** Properties of {@link HealthStatusIcon}. */
export interface HealthStatusIconProps {
  /** What to show. */
  status: ShownStatus;
  /** The words beside the icon, where the status's own word would not do. */
  label?: string;
  /** Show the icon alone; the word is then there for screen readers only. */
  iconOnly?: boolean;
  /** The icon's size in pixels. */
  size?: number;
}

const LOOKS: Readonly<Record<ShownStatus, { Icon: ComponentType<SvgIconProps>; color: string }>> = {
  healthy: { Icon: HealthyIcon, color: 'success.main' },
  unhealthy: { Icon: UnhealthyIcon, color: 'error.main' },
  unknown: { Icon: UnknownIcon, color: 'text.secondary' },
  disabled: { Icon: DisabledIcon, color: 'text.secondary' },
  none: { Icon: NoneIcon, color: 'text.secondary' },
};

/**
 * A status as icon and word: a green check, a red cross, a grey question mark. Each icon has an outline
 * of its own, so that colour is never all there is to tell them apart.
 */
export function HealthStatusIcon({ status, label, iconOnly, size = 18 }: HealthStatusIconProps) {
  const { Icon, color } = LOOKS[status];
  const words = label ?? STATUS_WORDS[status];
  return (
    <Box
      component="span"
      data-status={status}
      sx={{
        display: 'inline-flex',
        verticalAlign: 'middle',
        alignItems: 'center',
        gap: 0.75,
        whiteSpace: 'nowrap',
      }}
    >
      <Icon
        sx={{ fontSize: size, color, '--hg-icon-mark': (theme) => paletteOf(theme).background.paper }}
        {...(iconOnly && { titleAccess: words })}
      />
      {!iconOnly && (
        <Box component="span" sx={{ color: status === 'unhealthy' ? 'error.main' : 'inherit' }}>
          {words}
        </Box>
      )}
    </Box>
  );
}
