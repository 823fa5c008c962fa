/**
 * Health checks and gates for a patch manager's front end: components, the hooks under them, and the
 * generated API client. Everything that another application takes stands here; nothing in this folder
 * knows of the application around it.
 *
 * Put {@link HealthgateProvider} inside a react-query `QueryClientProvider` and a MUI `ThemeProvider`.
 */
export { HealthgateProvider, type HealthgateProviderProps } from './hooks/HealthgateProvider';
export {
  useEventStream,
  useHealthClient,
  useHealthEvents,
  useLiveState,
  useRefetchInterval,
} from './hooks/context';
export { healthKeys } from './hooks/keys';
export { useAudit, useAuditExport, type AuditFilter } from './hooks/useAudit';
export { useDeleteCheck, useHealthChecks, useSaveCheck, useTestCheck } from './hooks/useChecks';
export { useCopyChecks } from './hooks/useCopyChecks';
export { useGatePreview, useJobExplanation, useJobGates, useOverride } from './hooks/useGates';
export { useCheckHistory, type CheckHistory } from './hooks/useHistory';
export { useHealthSummary } from './hooks/useSummary';
export { useNow } from './hooks/useNow';

export { ConfirmDialog, type ConfirmDialogProps } from './components/ConfirmDialog';
export { FormDialog, type FormDialogProps } from './components/FormDialog';
export { DeployHealthWarning, type DeployHealthWarningProps } from './components/DeployHealthWarning';
export { GateStatusPanel, type GateStatusPanelProps } from './components/GateStatusPanel';
export { GateTimeline, type GateTimelineProps } from './components/GateTimeline';
export { HealthCheckDialog, type HealthCheckDialogProps } from './components/HealthCheckDialog';
export { HealthChecksSection, type HealthChecksSectionProps } from './components/HealthChecksSection';
export { HealthHistoryStrip, type HealthHistoryStripProps } from './components/HealthHistoryStrip';
export { HealthStatusIcon, type HealthStatusIconProps } from './components/HealthStatusIcon';
export { HostHealthIndicator, type HostHealthIndicatorProps } from './components/HostHealthIndicator';
export { HostPicker, type HostOption, type HostPickerProps, type HostSearch } from './components/HostPicker';
export { LiveBanner } from './components/LiveBanner';
export { OverrideDialog, type OverrideDialogProps } from './components/OverrideDialog';
export {
  Countdown,
  ExactTimes,
  RelativeTime,
  visuallyHidden,
  type CountdownProps,
  type RelativeTimeProps,
} from './components/RelativeTime';
export { ResultText, type ResultTextProps } from './components/ResultText';
export { VerificationSummary, type VerificationSummaryProps } from './components/VerificationSummary';

export { authorizedFetch, createApiClient, type ClientOptions, type HealthClient } from './api/client';
export { EventStream, type HealthEvent, type LiveState } from './api/events';
export { isPassing, messageOf, ProblemError, UnreachableError, unwrap } from './api/problem';
export type * from './api/types';
export { agentWords, faultsOf, faultWords, type Fault } from './model/faults';
export { failing, gateSentence, isOver, isOverridden, zoneOf } from './model/gate';
export { groupPreview, type PreviewGroups } from './model/preview';
export { plainReasons, reasonWords, type ReasonWords } from './model/reasons';
export { GATE_STATE_WORDS, hostWords, PASS_KIND_WORDS, shownStatus, STATUS_WORDS } from './model/status';
export * from './model/time';
export { reasonFault } from './model/validation';
export {
  RECHECK_WORDS,
  VERIFICATION_WORDS,
  verificationSentence,
  verifiedReason,
} from './model/verification';
