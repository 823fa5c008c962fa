// Generated from api/openapi.json by `npm run generate`. Do not edit.

import type { components as Library } from "../../health/api/schema";
export interface paths {
    "/api/v1/demo/fleet": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists how the simulated hosts behave. */
        get: operations["list_fleet"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/demo/fleet/{host_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Breaks or repairs a part of a simulated host, so that a person can watch a gate react. */
        post: operations["set_fleet"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/demo/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists who may sign in to the demo, with their tokens. This route only exists in the demo. */
        get: operations["list_demo_users"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/freezes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the current and future freezes of hosts that the caller may see. */
        get: operations["list_freezes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the groups that the caller may see, with their limits. */
        get: operations["list_groups"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/host-totals": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How many hosts the caller may see, by status, by the reasons of failing checks and by group. */
        get: operations["count_hosts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the hosts that the caller may see. */
        get: operations["list_hosts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns a host. */
        get: operations["read_host"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_id}/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The jobs that wait for a host or work on it, newest first, 50 at most. */
        get: operations["list_jobs_of_host"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_id}/paused": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /** Pauses or resumes a host. A paused host blocks its gates, like a failing check. */
        put: operations["pause_host"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists jobs with a host that the caller may see, newest first. */
        get: operations["list_jobs"];
        put?: never;
        /** Creates a job with one gate for each host, each with its own window. */
        post: operations["create_job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns a job with its hosts and their gates. */
        get: operations["read_job"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}/cancel": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Cancels a job. Hosts that are being patched are finished. The others end immediately. */
        post: operations["cancel_job"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}/cancel-hosts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Cancels a job on some of its hosts, and lets it go on with the others. A host that is being patched is patched to
         *     the end. Each host is recorded by itself.
         */
        post: operations["cancel_job_hosts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}/hosts/{host_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns a job on one host, with at most the newest 200 attempts of its gate. */
        get: operations["read_job_host"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}/override-hosts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Lets the checks that fail now fail on each of these hosts, for administrators. It is the same as an override of
         *     each host's failing checks: what fails later holds the host, and each override has a record of its own.
         */
        post: operations["override_hosts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}/resume": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Resumes a halted rollout. For administrators, with a reason. */
        post: operations["resume_rollout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/maintenance-windows": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the windows of hosts that the caller may see, newest first. */
        get: operations["list_maintenance_windows"];
        put?: never;
        /** Creates a window. */
        post: operations["create_maintenance_window"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/maintenance-windows/{window_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns a window. */
        get: operations["read_maintenance_window"];
        /** Changes a window. Absent fields stay unchanged. Waiting gates notice the change within seconds. */
        put: operations["change_maintenance_window"];
        post?: never;
        /** Deletes a window. Gates that wait for it end as `window_withdrawn`. */
        delete: operations["delete_maintenance_window"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns the caller. */
        get: operations["me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns this document. */
        get: operations["openapi_document"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/pauses": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Pauses or resumes many hosts. Each is written and recorded by itself, and the answer says what became of it. */
        post: operations["pause_hosts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns the configured settings. */
        get: operations["read_settings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description The behaviour of a service, a web service or an agent.
         * @enum {string}
         */
        Behaviour: "healthy" | "failed" | "slow" | "flapping" | "dead" | "wrong_name" | "expired" | "wrong_authority";
        /** @description Which hosts the job leaves alone. */
        CancelHostsRequest: {
            /** @description 1 to 1,000 hosts of the job. */
            host_ids: components["schemas"]["HostId"][];
        };
        /** @description A user of the demo. */
        DemoUser: {
            name: string;
            role: components["schemas"]["Role"];
            /** @description The bearer token to sign in with. */
            token: string;
        };
        /** @description The users of the demo. */
        DemoUserList: {
            users: components["schemas"]["DemoUser"][];
        };
        /** @description An enabled check that does not pass. */
        FailingCheck: {
            check_id: components["schemas"]["CheckId"];
            name: string;
            /** @description A reason code; `no_recent_result` where there is no result that counts. */
            reason: string;
        };
        /** @description The behaviour of a simulated host. */
        FleetHost: {
            /** @description Its agent: `healthy`, `dead`, `wrong_name`, `expired` or `wrong_authority`. */
            agent: components["schemas"]["Behaviour"];
            host_id: components["schemas"]["HostId"];
            http: components["schemas"]["Behaviour"] | null;
            name: string;
            /** @description Its patches: `healthy` or `failed`. */
            patch: components["schemas"]["Behaviour"];
            /** @description Its services: `healthy`, `failed`, `slow` or `flapping`. */
            services: {
                [key: string]: components["schemas"]["Behaviour"];
            };
        };
        /** @description The simulated hosts. */
        FleetList: {
            hosts: components["schemas"]["FleetHost"][];
        };
        /** @description A part of a simulated host to break or repair: one of `service`, `http`, `agent` and `patch`. */
        FleetRequest: {
            /** @description The host's agent. */
            agent?: boolean | null;
            /** @description The host's web service. */
            http?: boolean | null;
            /** @description The host's patches. */
            patch?: boolean | null;
            /** @description A service of the host. */
            service?: string | null;
            /** @description The new behaviour. */
            state: components["schemas"]["Behaviour"];
        };
        /** @description A current or future freeze. */
        Freeze: {
            /** @description Whether it is active now. */
            active: boolean;
            /** Format: date-time */
            ends_at: string;
            /** @description The groups whose hosts it holds back and that the caller may see. Empty for all hosts. */
            groups: string[];
            /** @description Whether it also holds back rollbacks. */
            holds_exempt: boolean;
            name: string;
            /** Format: date-time */
            starts_at: string;
        };
        /** @description Freezes, ordered by their start. */
        FreezeList: {
            freezes: components["schemas"]["Freeze"][];
        };
        /** @description A configured group. */
        Group: {
            /** @description The number of hosts in the group. */
            hosts: number;
            /**
             * Format: int32
             * @description The maximum number of members that may be down or under change. `null` for any number.
             */
            max_unavailable: number | null;
            name: string;
            /** @description The number of members that are down or under change now. `null` if the group has no limit. */
            unavailable: number | null;
        };
        /** @description Groups in the order of the configuration. */
        GroupList: {
            groups: components["schemas"]["Group"][];
        };
        /** @description How many hosts are in this group. */
        GroupTotal: {
            group: string;
            hosts: number;
        };
        /** @description A host. */
        Host: {
            /** @description The address of its agent. */
            address: string;
            /** @description The name that the agent's certificate must be valid for, if it is not the address. */
            agent_identity: string | null;
            /** Format: int32 */
            agent_port: number;
            /** @description Its checks that do not pass. */
            failing: components["schemas"]["FailingCheck"][];
            /** @description The groups of the host. */
            groups: string[];
            /** @description The health of its checks. */
            health: components["schemas"]["HostHealth"];
            id: components["schemas"]["HostId"];
            maintenance_window: components["schemas"]["Window"] | null;
            name: string;
            paused: components["schemas"]["Pause"] | null;
        };
        /** @description The counts of a host's enabled checks. */
        HostHealth: {
            /** Format: int32 */
            healthy: number;
            /**
             * Format: date-time
             * @description The oldest of the last runs of its checks.
             */
            oldest_checked_at: string | null;
            status: components["schemas"]["HostStatus"];
            /** Format: int32 */
            total: number;
            /** Format: int32 */
            unhealthy: number;
            /** Format: int32 */
            unknown: number;
        };
        /** @description A job that has not ended on a host. */
        HostJob: {
            /**
             * Format: date-time
             * @description When that window closes.
             */
            closes_at: string;
            /** Format: date-time */
            created_at: string;
            created_by: string;
            /** @description The same for people; while its gate waits it names what is failing. */
            detail: string;
            id: components["schemas"]["JobId"];
            kind: components["schemas"]["JobKind"];
            name: string | null;
            /**
             * Format: date-time
             * @description When its window on this host opens.
             */
            opens_at: string;
            /** @description Where it stands on this host. */
            status: components["schemas"]["HostJobStatus"];
        };
        /** @description Jobs that have not ended on a host. */
        HostJobList: {
            jobs: components["schemas"]["HostJob"][];
        };
        /**
         * @description The status of a job on one host.
         * @enum {string}
         */
        HostJobStatus: "queued" | "waiting_for_window" | "waiting_health_check" | "waiting_for_slot" | "patching" | "verifying" | "succeeded" | "failed" | "unverified" | "cancelled";
        /** @description A page of hosts. */
        HostList: {
            hosts: components["schemas"]["Host"][];
            /** @description The cursor of the next page. `null` on the last page. */
            next_cursor: string | null;
        };
        /** @description What became of one host. */
        HostOutcome: {
            /** @description Why not: the code of a problem, such as `invalid_state`. */
            code: string | null;
            /** @description What was done, or why it was not, for people. */
            detail: string;
            /** @description Whether it was done. */
            done: boolean;
            host_id: components["schemas"]["HostId"];
        };
        /** @description What became of each host, in the order that was asked for. */
        HostOutcomeList: {
            /** @description On how many hosts it was done. */
            done: number;
            hosts: components["schemas"]["HostOutcome"][];
            /** @description On how many it was not. */
            refused: number;
        };
        /** @description How many hosts a list with the same filters has, and how many it would have with another choice of one of them. */
        HostTotals: {
            /** @description By group, whatever `group` is; by name. A host in two groups counts twice. */
            groups: components["schemas"]["GroupTotal"][];
            /** @description By reason, whatever `reason` is; the most frequent first. A host with two failing checks may count twice. */
            reasons: components["schemas"]["ReasonTotal"][];
            /** @description By status, whatever `status` is. */
            statuses: {
                [key: string]: number;
            };
            /** @description The hosts of the list. */
            total: number;
        };
        /** @description A job. */
        Job: {
            /** Format: date-time */
            cancelled_at: string | null;
            /** @description The number of these hosts in each status. */
            counts: {
                [key: string]: number;
            };
            /** Format: date-time */
            created_at: string;
            created_by: string;
            /**
             * @description Whether it patches nothing: the checks run once, and each host's detail reports what would have
             *     happened.
             */
            dry_run: boolean;
            /** @description The number of its hosts that the caller may see. */
            host_count: number;
            /** @description Its hosts, ordered by name. Left out in lists. */
            hosts?: components["schemas"]["JobHost"][] | null;
            id: components["schemas"]["JobId"];
            /** @description Whether the job was to run immediately. */
            immediate: boolean;
            kind: components["schemas"]["JobKind"];
            name: string | null;
            /** @description Why the job bypasses the gate. */
            reason: string | null;
            /** @description Whether its gates only report and do not block. */
            report_only: boolean;
            rollout: components["schemas"]["Rollout"] | null;
            status: components["schemas"]["JobStatus"];
            window: components["schemas"]["Window"] | null;
        };
        /** @description A job on one host. */
        JobHost: {
            blocked_by: components["schemas"]["JobId"] | null;
            /** @description The current situation, for people. While its gate waits, it names the failing checks. */
            detail: string;
            /** Format: date-time */
            finished_at: string | null;
            gate: components["schemas"]["Gate"] | null;
            host_id: components["schemas"]["HostId"];
            host_name: string;
            /** Format: date-time */
            started_at: string | null;
            status: components["schemas"]["HostJobStatus"];
            verification: components["schemas"]["Verification"] | null;
        };
        /**
         * @description The purpose of a job.
         * @enum {string}
         */
        JobKind: "patch" | "rollback";
        /** @description A page of jobs. */
        JobList: {
            jobs: components["schemas"]["Job"][];
            /** @description The cursor of the next page. `null` on the last page. */
            next_cursor: string | null;
        };
        /**
         * @description A request for a job. Give at most one of `window` and `immediate`. Without either, each host's current
         *     or next maintenance window counts.
         */
        JobRequest: {
            /**
             * @description Whether to patch nothing, run the checks once, and report what would happen to each host. Counts as
             *     a test of each host.
             */
            dry_run?: boolean | null;
            /** @description 1 to 10,000 hosts that the caller may see. */
            host_ids: components["schemas"]["HostId"][];
            /** @description Whether to run immediately, and to wait for health for a limited time. */
            immediate?: boolean | null;
            kind?: components["schemas"]["JobKind"] | null;
            /** @description A display name. */
            name?: string | null;
            /** @description Why the job bypasses the gate. */
            reason?: string | null;
            /** @description Whether the gates only report and do not block. For administrators, with a `reason`. */
            report_only?: boolean | null;
            rollout?: components["schemas"]["RolloutRequest"] | null;
            verify?: components["schemas"]["VerifyRequest"] | null;
            window?: components["schemas"]["Window"] | null;
        };
        /**
         * @description The status of a job.
         * @enum {string}
         */
        JobStatus: "queued" | "running" | "succeeded" | "failed" | "cancelled";
        /** @description A maintenance window. */
        MaintenanceWindow: {
            /** Format: date-time */
            created_at: string;
            /**
             * Format: int64
             * @description For `monthly`: 1 to 31. A shorter month uses its last day.
             */
            day_of_month: number | null;
            /** Format: int64 */
            duration_minutes: number | null;
            enabled: boolean;
            /** @description The first local day as `YYYY-MM-DD`, for all but `once`. */
            first_date: string | null;
            /** @description The hosts of the window that the caller may see. */
            host_ids: components["schemas"]["HostId"][];
            /** Format: uuid */
            id: string;
            name: string;
            nth_weekday: components["schemas"]["NthWeekday"] | null;
            occurrence: components["schemas"]["Window"] | null;
            /** @description `once`, `daily`, `weekly` or `monthly`. */
            recurrence: string | null;
            /** Format: int64 */
            revision: number;
            /** @description The local start time as `HH:MM`, for all but `once`. */
            start_time: string | null;
            /** @description The start as an instant, for `once`. */
            starts_at: string | null;
            /** @description The IANA name of the time zone. */
            time_zone: string | null;
            /** Format: date-time */
            updated_at: string;
            /** @description The UTC offset of that zone at `starts_at` or in `occurrence`, and its changes. Empty without both. */
            utc_offsets: components["schemas"]["UtcOffset"][];
            /** @description For `weekly`: `mon` to `sun`. */
            weekdays: string[] | null;
        };
        /** @description A page of windows. */
        MaintenanceWindowList: {
            /** @description The cursor of the next page. `null` on the last page. */
            next_cursor: string | null;
            windows: components["schemas"]["MaintenanceWindow"][];
        };
        /** @description A request for a window. With `PUT`, absent fields stay unchanged. */
        MaintenanceWindowRequest: {
            /** Format: int64 */
            day_of_month?: number | null;
            /**
             * Format: int64
             * @description 1 to 10,080.
             */
            duration_minutes: number;
            /** @description The default is `true`. */
            enabled?: boolean | null;
            /** @description The default is today. */
            first_date?: string | null;
            /** @description Hosts that the caller may see. */
            host_ids: components["schemas"]["HostId"][];
            /** @description 1 to 100 characters. */
            name: string;
            nth_weekday?: components["schemas"]["NthWeekday"] | null;
            /** @description `once`, `daily`, `weekly` or `monthly`. */
            recurrence: string;
            start_time?: string | null;
            starts_at?: string | null;
            time_zone?: string | null;
            weekdays?: string[] | null;
        };
        /** @description The caller, with their current role and groups. */
        Me: {
            /** @description The groups whose hosts they see. */
            groups: string[];
            /** @description The name. */
            name: string;
            /** @description The role. */
            role: components["schemas"]["Role"];
        };
        /** @description The raw form of [`NthWeekday`]. */
        NthWeekday: {
            /**
             * Format: int64
             * @description The position: 1 to 5, or -1 to -5 from the end of the month.
             */
            nth: number;
            /**
             * Format: int64
             * @description The offset from that weekday in days, -31 to 31; 0 if absent.
             */
            offset_days?: number;
            /** @description `mon` to `sun`. */
            weekday: string;
        };
        /** @description Which hosts of the job go on although checks of theirs fail. */
        OverrideHostsRequest: {
            /**
             * Format: date-time
             * @description Until when; without it, or where a gate ends earlier, until the gate's end.
             */
            expires_at?: string | null;
            /** @description 1 to 1,000 hosts of the job. */
            host_ids: components["schemas"]["HostId"][];
            /** @description Why, for the audit record of each host. */
            reason: string;
        };
        /** @description Why a host must not be patched. */
        Pause: {
            /** Format: date-time */
            at: string | null;
            /** @description Who paused it. */
            by: string;
            reason: string;
        };
        /** @description Whether these hosts may be patched. */
        PauseHostsRequest: {
            /** @description 1 to 1,000 hosts. */
            host_ids: components["schemas"]["HostId"][];
            /** @description Whether they are held back from now on. */
            paused: boolean;
            /** @description Why; must be given with `paused: true`. */
            reason?: string | null;
        };
        /** @description A request to pause or resume a host. */
        PauseRequest: {
            /** @description Whether the host is paused from now on. */
            paused: boolean;
            /** @description The reason, required with `paused: true`. */
            reason?: string | null;
        };
        /** @description How many hosts have a check that fails for this reason. */
        ReasonTotal: {
            hosts: number;
            /** @description A reason code, or `no_recent_result`. */
            reason: string;
        };
        /** @description A request to resume a halted rollout. */
        ResumeRequest: {
            reason: string;
        };
        /** @description The progress of a job's rollout. */
        Rollout: {
            /**
             * Format: int32
             * @description The number of hosts that may have been patched by the end of the current stage.
             */
            admitted: number;
            /**
             * Format: int32
             * @description The maximum number of these.
             */
            failure_budget: number;
            /**
             * Format: int32
             * @description The number of hosts that are being patched or verified.
             */
            in_flight: number;
            /**
             * Format: int32
             * @description The maximum number of these.
             */
            max_in_flight: number;
            /** @description What was asked for, for another job of the same kind. */
            policy: components["schemas"]["RolloutRequest"];
            /** @description Why it is halted. */
            reason: string | null;
            /**
             * Format: int32
             * @description The number of hosts that have been patched or are being patched.
             */
            spent: number;
            /**
             * Format: int32
             * @description The index of the current stage, counted from 0. After the last stage it is the number of stages.
             */
            stage: number;
            /** @description The number of stages. The remaining hosts follow the last one. */
            stages: number;
            state: components["schemas"]["RolloutState"];
            /**
             * Format: int32
             * @description The number of hosts that failed or stayed unverified since the last resumption.
             */
            used: number;
        };
        /**
         * @description The rollout of a job. Amounts are numbers of hosts, such as `5`, or percentages of the job's hosts, such
         *     as `10%`, rounded up.
         */
        RolloutRequest: {
            /** @description The number of hosts that may fail or stay unverified. One more halts the rollout. Without it, 0. */
            failure_budget?: string | null;
            /** @description The maximum number of hosts that are patched or verified at the same time. Without it, all hosts. */
            max_in_flight?: string | null;
            /** @description The stages in order. The remaining hosts follow the last one. Without stages there is one stage. */
            stages?: components["schemas"]["RolloutStageRequest"][] | null;
        };
        /** @description One stage of a rollout. */
        RolloutStageRequest: {
            /**
             * Format: int64
             * @description How long to wait before the next stage after all hosts of this one have ended.
             */
            soak_secs?: number | null;
            /** @description The number of hosts that may have been patched by its end, including those of earlier stages. */
            up_to: string;
        };
        /**
         * @description The state of a rollout.
         * @enum {string}
         */
        RolloutState: "running" | "halted" | "done";
        /** @description The configured settings that clients need to show waits, ages and histories. */
        Settings: {
            /**
             * Format: int64
             * @description The time between two attempts of a gate.
             */
            gate_retry_interval_secs: number;
            /**
             * Format: int64
             * @description The time between two runs of a check.
             */
            health_check_poll_interval_secs: number;
            /**
             * Format: int64
             * @description How long results are kept.
             */
            health_check_retention_days: number;
            /**
             * Format: int64
             * @description The maximum duration of a run.
             */
            health_check_timeout_secs: number;
            /**
             * Format: int64
             * @description The maximum wait of an immediate job.
             */
            immediate_max_wait_secs: number;
        };
        /** @description How long hosts are verified after their patch, in seconds. */
        VerifyRequest: {
            /**
             * Format: int64
             * @description The time limit for the verification after the patch. It must exceed the sum of the other two.
             */
            deadline_secs?: number | null;
            /**
             * Format: int64
             * @description The time after the patch in which failures do not count, because the host may restart.
             */
            settle_secs?: number | null;
            /**
             * Format: int64
             * @description How long the checks must stay healthy.
             */
            soak_secs?: number | null;
        };
        HostId: Library["schemas"]["HostId"];
        Role: Library["schemas"]["Role"];
        CheckId: Library["schemas"]["CheckId"];
        Window: Library["schemas"]["Window"];
        HostStatus: Library["schemas"]["HostStatus"];
        JobId: Library["schemas"]["JobId"];
        Gate: Library["schemas"]["Gate"];
        Verification: Library["schemas"]["Verification"];
        UtcOffset: Library["schemas"]["UtcOffset"];
        Problem: Library["schemas"]["Problem"];
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    list_fleet: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the simulated hosts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FleetList"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    set_fleet: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the host */
                host_id: components["schemas"]["HostId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FleetRequest"];
            };
        };
        responses: {
            /** @description the simulated host */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FleetHost"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_demo_users: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the users */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DemoUserList"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_freezes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the freezes */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FreezeList"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_groups: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the groups */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GroupList"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    count_hosts: {
        parameters: {
            query?: {
                /** @description only hosts of this status */
                status?: components["schemas"]["HostStatus"];
                /** @description only hosts whose name or address holds this */
                q?: string;
                /** @description only members of this group */
                group?: string;
                /** @description only hosts with a check that fails for this reason, or `no_recent_result` */
                reason?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the totals */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostTotals"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_hosts: {
        parameters: {
            query?: {
                /** @description only hosts of this status */
                status?: components["schemas"]["HostStatus"];
                /** @description only hosts whose name or address contains this */
                q?: string;
                /** @description only members of this group */
                group?: string;
                /** @description only hosts with a check that fails for this reason, or `no_recent_result` */
                reason?: string;
                /** @description those of these hosts (at most 200, separated by commas) that the caller may see, by name, in one page; the other parameters do not count */
                ids?: components["schemas"]["HostId"][];
                /** @description `name` (the default) or `status` */
                sort?: string;
                /** @description 1 to 200, 50 by default */
                limit?: number;
                /** @description the `next_cursor` of the previous page */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description a page of hosts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostList"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    read_host: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the host */
                host_id: components["schemas"]["HostId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the host */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Host"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_jobs_of_host: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the host */
                host_id: components["schemas"]["HostId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description its jobs */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostJobList"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    pause_host: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the host */
                host_id: components["schemas"]["HostId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PauseRequest"];
            };
        };
        responses: {
            /** @description the host */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Host"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_jobs: {
        parameters: {
            query?: {
                /** @description 1 to 200, 50 by default */
                limit?: number;
                /** @description the `next_cursor` of the previous page */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description a page of jobs */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobList"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_job: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["JobRequest"];
            };
        };
        responses: {
            /** @description the job */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    read_job: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the job */
                job_id: components["schemas"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the job */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancel_job: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the job */
                job_id: components["schemas"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the job */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    cancel_job_hosts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the job */
                job_id: components["schemas"]["JobId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CancelHostsRequest"];
            };
        };
        responses: {
            /** @description what became of each host */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostOutcomeList"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    read_job_host: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the job */
                job_id: components["schemas"]["JobId"];
                /** @description the host */
                host_id: components["schemas"]["HostId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the job on this host */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobHost"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    override_hosts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the job */
                job_id: components["schemas"]["JobId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["OverrideHostsRequest"];
            };
        };
        responses: {
            /** @description what became of each host */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostOutcomeList"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    resume_rollout: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the job */
                job_id: components["schemas"]["JobId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ResumeRequest"];
            };
        };
        responses: {
            /** @description the job */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_maintenance_windows: {
        parameters: {
            query?: {
                /** @description 1 to 200, 50 by default */
                limit?: number;
                /** @description the `next_cursor` of the previous page */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description a page of windows */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceWindowList"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_maintenance_window: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MaintenanceWindowRequest"];
            };
        };
        responses: {
            /** @description the window */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceWindow"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    read_maintenance_window: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the window */
                window_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the window */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceWindow"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_maintenance_window: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the window */
                window_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MaintenanceWindowRequest"];
            };
        };
        responses: {
            /** @description the window */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceWindow"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_maintenance_window: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the window */
                window_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the window is deleted */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the caller */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    openapi_document: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OpenAPI 3.1 */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    pause_hosts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PauseHostsRequest"];
            };
        };
        responses: {
            /** @description what became of each host */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostOutcomeList"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    read_settings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the settings */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            /** @description A problem: `status` and `code` say which. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
