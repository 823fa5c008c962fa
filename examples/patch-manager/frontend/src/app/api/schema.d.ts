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
        /** How the simulated hosts behave. */
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
        /** Breaks or mends a part of a simulated host, so that a person can watch a gate react. */
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
        /** Who may sign in to the demo, with their tokens. There is no such route outside the demo. */
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
        /** The freezes that are active or lie ahead, those of hosts that the caller may see. */
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
        /** The groups that the caller may see, with their limits. */
        get: operations["list_groups"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/host-counts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How many hosts the caller sees, by what their checks say. */
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
        /** The hosts that the caller may see. */
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
        /** A host. */
        get: operations["read_host"];
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
        /** Pauses or resumes a host. A paused host blocks its gates, as a failing check does. */
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
        /** Jobs with a host that the caller may see, newest first. */
        get: operations["list_jobs"];
        put?: never;
        /** Makes a job: one gate for each host, each with its own window. */
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
        /** A job with its hosts and their gates. */
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
        /** Cancels a job. Hosts that are being patched are patched to the end; the others end at once. */
        post: operations["cancel_job"];
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
        /** A job on one host, with the newest attempts of its gate, 200 at most. */
        get: operations["read_job_host"];
        put?: never;
        post?: never;
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
        /** Lets a halted rollout go on; for administrators, with a reason. */
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
        /** The windows of hosts that the caller may see, newest first. */
        get: operations["list_maintenance_windows"];
        put?: never;
        /** Makes a window. */
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
        /** A window. */
        get: operations["read_maintenance_window"];
        /** Changes a window: what is absent stays as it is. Gates that wait see it within seconds. */
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
        /** Who the caller is. */
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
        /** This document. */
        get: operations["openapi_document"];
        put?: never;
        post?: never;
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
        /** What is configured. */
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
         * @description How a service, a web service or an agent behaves.
         * @enum {string}
         */
        Behaviour: "healthy" | "failed" | "slow" | "flapping" | "dead" | "wrong_name" | "expired" | "wrong_authority";
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
        /** @description How a simulated host behaves. */
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
        /** @description What is to be broken or mended: one of `service`, `http`, `agent` and `patch`. */
        FleetRequest: {
            /** @description The host's agent. */
            agent?: boolean | null;
            /** @description The host's web service. */
            http?: boolean | null;
            /** @description The host's patches. */
            patch?: boolean | null;
            /** @description A service of the host. */
            service?: string | null;
            /** @description How it behaves from now on. */
            state: components["schemas"]["Behaviour"];
        };
        /** @description A freeze that is active or lies ahead. */
        Freeze: {
            /** @description Whether nothing starts now. */
            active: boolean;
            /** Format: date-time */
            ends_at: string;
            /** @description The groups whose hosts it holds back, those that the caller may see; empty for all hosts. */
            groups: string[];
            /** @description Whether it holds back rollbacks as well. */
            holds_exempt: boolean;
            name: string;
            /** Format: date-time */
            starts_at: string;
        };
        /** @description Freezes by their start. */
        FreezeList: {
            freezes: components["schemas"]["Freeze"][];
        };
        /** @description A group of the configuration. */
        Group: {
            /** @description How many hosts are in it. */
            hosts: number;
            /**
             * Format: int32
             * @description At most so many members may be down or under change; `null` for any number.
             */
            max_unavailable: number | null;
            name: string;
            /** @description So many members are down or under change now; `null` where the group has no limit. */
            unavailable: number | null;
        };
        /** @description Groups in the order of the configuration. */
        GroupList: {
            groups: components["schemas"]["Group"][];
        };
        /** @description A host. */
        Host: {
            /** @description Where its agent is reached. */
            address: string;
            /** @description The name that the agent's certificate must be valid for, where it is not the address. */
            agent_identity: string | null;
            /** Format: int32 */
            agent_port: number;
            /** @description The groups it is in. */
            groups: string[];
            /** @description What its checks say. */
            health: components["schemas"]["HostHealth"];
            id: components["schemas"]["HostId"];
            maintenance_window: components["schemas"]["Window"] | null;
            name: string;
            paused: components["schemas"]["Pause"] | null;
        };
        /** @description How many hosts there are of each status. */
        HostCounts: {
            healthy: number;
            none: number;
            total: number;
            unhealthy: number;
            unknown: number;
        };
        /** @description What the enabled checks of a host say. */
        HostHealth: {
            /** Format: int32 */
            healthy: number;
            /**
             * Format: date-time
             * @description When the check that was run longest ago was run.
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
        /**
         * @description Where a job stands on one host.
         * @enum {string}
         */
        HostJobStatus: "queued" | "waiting_for_window" | "waiting_health_check" | "waiting_for_slot" | "patching" | "verifying" | "succeeded" | "failed" | "unverified" | "cancelled";
        /** @description A page of hosts. */
        HostList: {
            hosts: components["schemas"]["Host"][];
            /** @description Ask with it for the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description A job. */
        Job: {
            /** Format: date-time */
            cancelled_at: string | null;
            /** @description How many of them are in which status. */
            counts: {
                [key: string]: number;
            };
            /** Format: date-time */
            created_at: string;
            created_by: string;
            /** @description Nothing is patched: the checks run once, and each host's detail says what would have happened. */
            dry_run: boolean;
            /** @description How many hosts it has, of those that the caller may see. */
            host_count: number;
            /** @description Its hosts, by name; in a list, left out. */
            hosts?: components["schemas"]["JobHost"][] | null;
            id: components["schemas"]["JobId"];
            /** @description It was to run at once. */
            immediate: boolean;
            kind: components["schemas"]["JobKind"];
            name: string | null;
            /** @description Why it goes around the gate. */
            reason: string | null;
            /** @description Its gates report and do not block. */
            report_only: boolean;
            rollout: components["schemas"]["Rollout"] | null;
            status: components["schemas"]["JobStatus"];
            window: components["schemas"]["Window"] | null;
        };
        /** @description A job on one host. */
        JobHost: {
            blocked_by: components["schemas"]["JobId"] | null;
            /** @description Where it stands, for people; while its gate waits it names what is failing. */
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
         * @description What a job does.
         * @enum {string}
         */
        JobKind: "patch" | "rollback";
        /** @description A page of jobs. */
        JobList: {
            jobs: components["schemas"]["Job"][];
            /** @description Ask with it for the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /**
         * @description What a job is made from. Of `window` and `immediate` one at most; without either each host's
         *     current or next maintenance window counts.
         */
        JobRequest: {
            /** @description Patch nothing: run the checks once, and say of each host what would happen. Counts as a test of each host. */
            dry_run?: boolean | null;
            /** @description 1 to 10,000 hosts that the caller may see. */
            host_ids: components["schemas"]["HostId"][];
            /** @description Run at once, and wait for health for a bounded time. */
            immediate?: boolean | null;
            kind?: components["schemas"]["JobKind"] | null;
            /** @description What people call it. */
            name?: string | null;
            /** @description Why the job goes around the gate. */
            reason?: string | null;
            /** @description Let the gates report and not block: for administrators, with a `reason`. */
            report_only?: boolean | null;
            rollout?: components["schemas"]["RolloutRequest"] | null;
            verify?: components["schemas"]["VerifyRequest"] | null;
            window?: components["schemas"]["Window"] | null;
        };
        /**
         * @description Where a job stands.
         * @enum {string}
         */
        JobStatus: "queued" | "running" | "succeeded" | "failed" | "cancelled";
        /** @description A maintenance window. */
        MaintenanceWindow: {
            /** Format: date-time */
            created_at: string;
            /**
             * Format: int64
             * @description For `monthly`: 1 to 31; a shorter month has it on its last day.
             */
            day_of_month: number | null;
            /** Format: int64 */
            duration_minutes: number | null;
            enabled: boolean;
            /** @description `YYYY-MM-DD`: nothing starts on an earlier local day; for all but `once`. */
            first_date: string | null;
            /** @description The hosts that may be patched in it, those that the caller may see. */
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
            /** @description `HH:MM`, local; for all but `once`. */
            start_time: string | null;
            /** @description An instant; for `once`. */
            starts_at: string | null;
            /** @description An IANA name. */
            time_zone: string | null;
            /** Format: date-time */
            updated_at: string;
            /**
             * @description What that zone's clocks are ahead of UTC at `starts_at` or in `occurrence`, and where they change;
             *     empty without both.
             */
            utc_offsets: components["schemas"]["UtcOffset"][];
            /** @description For `weekly`: `mon` to `sun`. */
            weekdays: string[] | null;
        };
        /** @description A page of windows. */
        MaintenanceWindowList: {
            /** @description Ask with it for the next page; `null` at the end. */
            next_cursor: string | null;
            windows: components["schemas"]["MaintenanceWindow"][];
        };
        /** @description What a window is made from. With `PUT`, what is absent stays as it is. */
        MaintenanceWindowRequest: {
            /** Format: int64 */
            day_of_month?: number | null;
            /**
             * Format: int64
             * @description 1 to 10,080.
             */
            duration_minutes: number;
            /** @description `true` where it is not given. */
            enabled?: boolean | null;
            /** @description Today where it is not given. */
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
        /** @description The caller, as the application knows them now. */
        Me: {
            /** @description The groups whose hosts they see. */
            groups: string[];
            /** @description The name. */
            name: string;
            /** @description What they may do. */
            role: components["schemas"]["Role"];
        };
        /** @description [`NthWeekday`] in its raw form. */
        NthWeekday: {
            /**
             * Format: int64
             * @description 1 to 5, or -1 to -5 from the end of the month.
             */
            nth: number;
            /**
             * Format: int64
             * @description -31 to 31 days after that weekday; 0 where it is left out.
             */
            offset_days?: number;
            /** @description `mon` to `sun`. */
            weekday: string;
        };
        /** @description Why a host must not be patched. */
        Pause: {
            /** Format: date-time */
            at: string | null;
            /** @description Who paused it. */
            by: string;
            reason: string;
        };
        /** @description Whether a host may be patched. */
        PauseRequest: {
            /** @description Whether it is held back from now on. */
            paused: boolean;
            /** @description Why; must be given with `paused: true`. */
            reason?: string | null;
        };
        /** @description Why a halted rollout is to go on. */
        ResumeRequest: {
            reason: string;
        };
        /** @description How far a job's rollout has come. */
        Rollout: {
            /**
             * Format: int32
             * @description How many hosts may have been patched by the end of the present stage.
             */
            admitted: number;
            /**
             * Format: int32
             * @description So many may.
             */
            failure_budget: number;
            /**
             * Format: int32
             * @description How many hosts are being patched or verified.
             */
            in_flight: number;
            /**
             * Format: int32
             * @description At most so many may be.
             */
            max_in_flight: number;
            /** @description Why it is halted. */
            reason: string | null;
            /**
             * Format: int32
             * @description How many hosts have been patched, or are being patched.
             */
            spent: number;
            /**
             * Format: int32
             * @description The present stage, counted from 0: its place in the job's stages. After the last one it is their number.
             */
            stage: number;
            /** @description How many stages it has; the hosts that are left after the last one follow it. */
            stages: number;
            state: components["schemas"]["RolloutState"];
            /**
             * Format: int32
             * @description How many failed or stayed unverified, since it was last resumed.
             */
            used: number;
        };
        /**
         * @description How a job goes over its hosts. Amounts are numbers of hosts, such as `5`, or percentages of the job's hosts,
         *     such as `10%`, rounded up.
         */
        RolloutRequest: {
            /** @description So many hosts may fail or stay unverified; with one more the rollout halts. Without it, none. */
            failure_budget?: string | null;
            /** @description At most so many hosts are patched or verified at the same time; without it, all. */
            max_in_flight?: string | null;
            /** @description The stages, in their order; the hosts that are left follow the last one. Without any there is one. */
            stages?: components["schemas"]["RolloutStageRequest"][] | null;
        };
        /** @description One stage of a rollout. */
        RolloutStageRequest: {
            /**
             * Format: int64
             * @description How long the next stage waits once all hosts of this one are through.
             */
            soak_secs?: number | null;
            /** @description How many hosts may have been patched by its end, those of earlier stages included. */
            up_to: string;
        };
        /**
         * @description Whether a rollout goes on.
         * @enum {string}
         */
        RolloutState: "running" | "halted" | "done";
        /** @description Figures of the configuration, for whoever shows a wait, an age or a past. */
        Settings: {
            /**
             * Format: int64
             * @description How far apart two attempts of a gate are.
             */
            gate_retry_interval_secs: number;
            /**
             * Format: int64
             * @description How far apart two runs of a check are.
             */
            health_check_poll_interval_secs: number;
            /**
             * Format: int64
             * @description How long results are kept.
             */
            health_check_retention_days: number;
            /**
             * Format: int64
             * @description The longest that a run takes.
             */
            health_check_timeout_secs: number;
            /**
             * Format: int64
             * @description The longest wait of a job that is to run at once.
             */
            immediate_max_wait_secs: number;
        };
        /** @description How long hosts are verified after their patch, in seconds. */
        VerifyRequest: {
            /**
             * Format: int64
             * @description A host that is not verified so long after its patch is not verified any more: more than the other
             *     two together.
             */
            deadline_secs?: number | null;
            /**
             * Format: int64
             * @description Nothing counts against a host for so long: it may restart.
             */
            settle_secs?: number | null;
            /**
             * Format: int64
             * @description How long the checks must stay healthy.
             */
            soak_secs?: number | null;
        };
        Role: Library["schemas"]["Role"];
        HostId: Library["schemas"]["HostId"];
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
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the counts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostCounts"];
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
                /** @description only hosts whose name or address holds this */
                q?: string;
                /** @description those of these hosts (at most 200, parted by commas) that the caller may see, by name, in one page; the other parameters do not count */
                ids?: components["schemas"]["HostId"][];
                /** @description `name` (the default) or `status` */
                sort?: string;
                /** @description 1 to 200, 50 by default */
                limit?: number;
                /** @description the `next_cursor` of the page before */
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
                /** @description the `next_cursor` of the page before */
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
                /** @description the `next_cursor` of the page before */
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
            /** @description it is gone */
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
    read_settings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the figures */
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
