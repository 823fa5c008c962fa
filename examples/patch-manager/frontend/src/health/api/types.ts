/**
 * The names under which the rest of this folder knows the API's shapes. Every one is an alias of a
 * generated type: nothing here is typed by hand.
 */
import type { components, paths } from './schema';

export type { paths };

type Schemas = components['schemas'];

/** A check as the API shows it: never with its password. */
export type HealthCheck = Schemas['HealthCheck'];
/** What is sent to create a check, or to test one that is not saved. */
export type NewCheck = Schemas['NewHealthCheck'];
/** What is sent to change a check, or to test it with changes. */
export type CheckChange = Schemas['HealthCheckChange'];
/** One run of a check. */
export type CheckResult = Schemas['CheckResult'];
/** One stored run, with where it came from. */
export type HistoryResult = Schemas['PastCheckResult'];
/** The closed vocabulary of outcomes. */
export type ReasonCode = Schemas['ReasonCode'];
/** `service` or `http`. */
export type CheckType = Schemas['CheckType'];
/** What is known of one check. */
export type CheckStatus = Schemas['CheckStatus'];
/** What is known of one host: of its checks together, or that it has none. */
export type HostStatus = Schemas['HostStatus'];
/** Counts of a host's enabled checks, with the host's id. */
export type HostSummary = Schemas['HostSummary'];
/** The same without it, as an application's own host list may have it. */
export type HostHealth = Omit<HostSummary, 'host_id'>;
/** What the gate would say of one host now. */
export type HostPreview = Schemas['HostPreview'];
/** One thing that holds a host back. */
export type Blocking = Schemas['Blocking'];
/** Hosts of a job that wait for the same. */
export type ExplanationGroup = Schemas['ExplanationGroup'];
/** A page of a job's gates. */
export type GateList = Schemas['GateList'];
/** One job's gate on one host. */
export type Gate = Schemas['Gate'];
/** Where a gate stands. */
export type GateState = Schemas['GateState'];
/** On what ground a pass was given. */
export type PassKind = Schemas['PassKind'];
/** One evaluation by a gate. */
export type Attempt = Schemas['GateAttempt'];
/** What a gate knows of one check, or of one condition of the application's own. */
export type Evidence = Schemas['Evidence'];
export type UtcOffset = Schemas['UtcOffset'];
/** Something that happened to a waiting gate from outside. */
export type GateNote = Schemas['GateNote'];
/** Why a gate ended without a pass. */
export type EndReason = Schemas['EndReason'];
/** An administrator's word that named checks may fail. */
export type GateOverride = Schemas['GateOverride'];
/** How a host stands after its patch, against the pass. An application shows it with its jobs. */
export type Verification = Schemas['Verification'];
/** Whether its verification goes on, or how it ended. */
export type VerificationState = Schemas['VerificationState'];
/** One check before the patch and after it. */
export type VerifiedCheck = Schemas['VerifiedCheck'];
/** What became of it. */
export type RecheckChange = Schemas['RecheckChange'];
/** What is sent to give an override. */
export type OverrideRequest = Schemas['NewGateOverride'];
/** One entry of the audit log. */
export type AuditRecord = Schemas['AuditRecord'];
/** What was done. */
export type AuditAction = Schemas['AuditAction'];
/** Whether it was done, or refused. */
export type AuditOutcome = Schemas['AuditOutcome'];
/** What became of one check that was copied to one host. */
export type CopyResult = Schemas['CopyResult'];
/** The body of every refusal. */
export type Problem = Schemas['Problem'];
/** What is wrong with one field. */
export type FieldError = Schemas['FieldProblem'];

/** Two instants, `[opens_at, closes_at)`. */
export type TimeRange = Schemas['Window'];
