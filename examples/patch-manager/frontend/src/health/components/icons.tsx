import { SvgIcon, type SvgIconProps } from '@mui/material';
import type { ReactNode } from 'react';

/** An icon of strokes on a grid of 24, in the colour and size of the text around it. */
function stroked(name: string, shape: ReactNode) {
  const Icon = (props: SvgIconProps) => (
    <SvgIcon {...props}>
      <g fill="none" stroke="currentColor" strokeWidth="1.9" strokeLinecap="round" strokeLinejoin="round">
        {shape}
      </g>
    </SvgIcon>
  );
  Icon.displayName = name;
  return Icon;
}

/** A filled disc with a mark cut out, so that each status has an outline of its own at small sizes. */
function filled(name: string, outline: ReactNode, mark: ReactNode) {
  const Icon = (props: SvgIconProps) => (
    <SvgIcon {...props}>
      {outline}
      <g
        fill="none"
        stroke="var(--hg-icon-mark, #fff)"
        strokeWidth="2.3"
        strokeLinecap="round"
        strokeLinejoin="round"
      >
        {mark}
      </g>
    </SvgIcon>
  );
  Icon.displayName = name;
  return Icon;
}

const disc = <circle cx="12" cy="12" r="10" />;

export const HealthyIcon = filled('HealthyIcon', disc, <path d="m7.6 12.4 3 3 5.8-6.4" />);
export const UnhealthyIcon = filled(
  'UnhealthyIcon',
  <path d="M8 2h8l6 6v8l-6 6H8l-6-6V8z" />,
  <path d="m8.6 8.6 6.8 6.8m0-6.8-6.8 6.8" />,
);
export const UnknownIcon = filled(
  'UnknownIcon',
  disc,
  <path d="M9.2 9.4a2.9 2.9 0 1 1 4 2.7c-.8.4-1.2.9-1.2 1.7v.3m0 3.1v.1" />,
);
export const DisabledIcon = stroked(
  'DisabledIcon',
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="m5.8 5.8 12.4 12.4" />
  </>,
);
export const NoneIcon = stroked(
  'NoneIcon',
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="M8.5 12h7" />
  </>,
);
export const WarningIcon = stroked(
  'WarningIcon',
  <>
    <path d="M12 4 2.8 20h18.4z" />
    <path d="M12 10v4.4m0 2.6v.1" />
  </>,
);
export const InfoIcon = stroked(
  'InfoIcon',
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="M12 11v5m0-8.2v.1" />
  </>,
);
export const AddIcon = stroked('AddIcon', <path d="M12 5v14m-7-7h14" />);
export const EditIcon = stroked(
  'EditIcon',
  <path d="m4 20 .9-4L16.4 4.5a1.6 1.6 0 0 1 2.3 0l.8.8a1.6 1.6 0 0 1 0 2.3L8 19.1zM14.2 6.7l3.1 3.1" />,
);
export const DeleteIcon = stroked(
  'DeleteIcon',
  <path d="M4.5 7h15M9.5 7V4.5h5V7m-8 0 .8 12.5h9.4L17.5 7M10.3 10.8v5.4m3.4-5.4v5.4" />,
);
export const TestIcon = stroked('TestIcon', <path d="M7.5 5v14l11-7z" />);
export const ChevronIcon = stroked('ChevronIcon', <path d="m6.5 9.5 5.5 5.5 5.5-5.5" />);
export const ClockIcon = stroked(
  'ClockIcon',
  <>
    <circle cx="12" cy="12" r="9" />
    <path d="M12 7v5.2l3.2 2" />
  </>,
);
export const ShieldIcon = stroked(
  'ShieldIcon',
  <path d="M12 3.2 5 5.8v5.4c0 4.4 2.9 7.8 7 9.6 4.1-1.8 7-5.2 7-9.6V5.8zM9 12l2.2 2.2L15.2 10" />,
);
export const CloseIcon = stroked('CloseIcon', <path d="m6 6 12 12M18 6 6 18" />);
export const OfflineIcon = stroked(
  'OfflineIcon',
  <path d="M4 4l16 16M8.5 16.2a5 5 0 0 1 7 0M5.3 12.6a9.7 9.7 0 0 1 4-2.4m4.2-.2a9.6 9.6 0 0 1 5.2 2.6M2.5 9.2a14 14 0 0 1 3.6-2.4m4-1.3a14 14 0 0 1 11.4 3.7M12 19.4v.1" />,
);
