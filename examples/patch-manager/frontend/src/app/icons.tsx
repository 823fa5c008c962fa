import { SvgIcon, type SvgIconProps } from '@mui/material';
import type { ReactNode } from 'react';

function stroked(name: string, shape: ReactNode) {
  const Icon = (props: SvgIconProps) => (
    <SvgIcon {...props}>
      <g fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" strokeLinejoin="round">
        {shape}
      </g>
    </SvgIcon>
  );
  Icon.displayName = name;
  return Icon;
}

export const OverviewIcon = stroked(
  'OverviewIcon',
  <path d="M4 12.5h6.5V20H4zM4 4h6.5v5H4zM14 4h6v8h-6zM14 15.5h6V20h-6z" />,
);
export const HostsIcon = stroked(
  'HostsIcon',
  <path d="M4 5h16v5.5H4zM4 13.5h16V19H4zM7.5 7.8v.1m0 8.4v.1M11 7.8h5.5M11 16.3h5.5" />,
);
export const DeployIcon = stroked(
  'DeployIcon',
  <path d="M12 15.5V4m0 0L7.5 8.5M12 4l4.5 4.5M4.5 15v4.5h15V15" />,
);
export const JobsIcon = stroked(
  'JobsIcon',
  <path d="M9 6h11M9 12h11M9 18h11M4 6l.8.8L6.6 5M4 12l.8.8L6.6 11M4 18l.8.8L6.6 17" />,
);
export const WindowsIcon = stroked(
  'WindowsIcon',
  <path d="M4 6h16v14H4zM4 10h16M8 3.5V7m8-3.5V7m-4 6v3h2.5" />,
);
export const AuditIcon = stroked(
  'AuditIcon',
  <path d="M6 3.5h9l4 4v13H6zM14.5 3.5v4.5H19M9 12.5h7M9 16h5" />,
);
export const LightIcon = stroked(
  'LightIcon',
  <>
    <circle cx="12" cy="12" r="4" />
    <path d="M12 3v2m0 14v2M3 12h2m14 0h2M5.6 5.6 7 7m10 10 1.4 1.4m0-12.8L17 7M7 17l-1.4 1.4" />
  </>,
);
export const DarkIcon = stroked('DarkIcon', <path d="M20 14.2A8.3 8.3 0 0 1 9.8 4 8.3 8.3 0 1 0 20 14.2z" />);
export const SearchIcon = stroked(
  'SearchIcon',
  <>
    <circle cx="10.5" cy="10.5" r="6.5" />
    <path d="m15.5 15.5 5 5" />
  </>,
);
export const SignOutIcon = stroked(
  'SignOutIcon',
  <path d="M14 4.5H5v15h9M10 12h10.5m0 0L17 8.5m3.5 3.5L17 15.5" />,
);
export const PauseIcon = stroked('PauseIcon', <path d="M8.5 5v14M15.5 5v14" />);
export { AddIcon, DeleteIcon, EditIcon } from '../health/components/icons';
