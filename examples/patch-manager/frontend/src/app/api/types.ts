/** The names under which the pages know the application's own shapes; all generated. */
import type { components, paths } from './schema';

export type { paths };

type Schemas = components['schemas'];

export type Me = Schemas['Me'];
export type Host = Schemas['Host'];
export type HostList = Schemas['HostList'];
export type Job = Schemas['Job'];
export type JobHost = Schemas['JobHost'];
export type JobRequest = Schemas['JobRequest'];
export type HostJobStatus = Schemas['HostJobStatus'];
export type Rollout = Schemas['Rollout'];
export type RolloutRequest = Schemas['RolloutRequest'];
export type RolloutStage = Schemas['RolloutStageRequest'];
export type Settings = Schemas['Settings'];
export type Freeze = Schemas['Freeze'];
export type Group = Schemas['Group'];
export type HostOutcome = Schemas['HostOutcome'];
export type HostOutcomeList = Schemas['HostOutcomeList'];
export type HostJob = Schemas['HostJob'];
export type HostTotals = Schemas['HostTotals'];
export type JobStatus = Schemas['JobStatus'];
export type MaintenanceWindow = Schemas['MaintenanceWindow'];
export type WindowRequest = Schemas['MaintenanceWindowRequest'];
export type DemoUser = Schemas['DemoUser'];
export type FleetHost = Schemas['FleetHost'];
export type FleetRequest = Schemas['FleetRequest'];
