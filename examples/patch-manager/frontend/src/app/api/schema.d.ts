// Generated from api/openapi.json by `npm run generate`. Do not edit.

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
    "/api/v1/events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Changes as they happen, as server-sent events.
         * @description `check_status` (`CheckStatusEvent`), `gate` (`GateEvent`), and `resync` (`{}`) when something was
         *     missed: read afresh what you show. Only events of hosts that the caller may see are sent. A comment
         *     comes after 15 s of silence. Come back with `Last-Event-ID` for what happened meanwhile; a reader
         *     that is too slow is disconnected.
         */
        get: operations["events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/gates/preview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * What the gates of these hosts would say now. Nothing is run, and nothing written.
         * @description Without a window each host's own is taken, the one that is open or the next.
         */
        post: operations["preview_gates"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health-checks/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who did what, newest first: everything for administrators, and for operators what was done to their
         *     hosts.
         * @description A page may hold fewer records than asked for before the end: go on with `next_cursor`.
         */
        get: operations["list_audit_records"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/health-checks/summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** How many checks of each of these hosts are healthy, unhealthy, unknown. */
        get: operations["summarise_hosts"];
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
    "/api/v1/hosts/{host_id}/health-checks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** All checks of a host, with what is known of them. */
        get: operations["list_health_checks"];
        put?: never;
        /** Makes a check. It is run at once. */
        post: operations["create_health_check"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_id}/health-checks/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Runs a definition that is not stored. */
        post: operations["test_new_health_check"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_id}/health-checks/{check_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** One check of a host. */
        get: operations["read_health_check"];
        /**
         * Changes a check.
         * @description With `If-Match` only the revision that it names is changed. A changed origin of the URL, or a newly
         *     tolerated bad certificate, needs the password again, where one is stored.
         */
        put: operations["change_health_check"];
        post?: never;
        /** Deletes a check with its history. */
        delete: operations["delete_health_check"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_id}/health-checks/{check_id}/results": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** What a check's runs have shown, newest first. */
        get: operations["list_check_results"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_id}/health-checks/{check_id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Runs a check now. The result is answered, and stored nowhere.
         * @description A body is laid over the stored check, by the rules of a change.
         */
        post: operations["test_health_check"];
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
        /**
         * Holds a host back from being patched, or lets it go on: a condition of the application's own, which
         *     its gates ask beside its checks.
         */
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
    "/api/v1/jobs/{job_id}/gates": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Every gate of a job with its attempts, override and pass.
         * @description Only those of hosts that the caller may see; where there are none, the job is unknown.
         */
        get: operations["list_gates"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/jobs/{job_id}/hosts/{host_id}/override": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Lets named checks fail for one job on one host, until an expiry. */
        post: operations["override_gate"];
        /** Takes an override back. Where there is none, nothing happens. */
        delete: operations["remove_override"];
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
        /** @enum {string} */
        AttemptOutcome: "running" | "finished" | "interrupted";
        /** @enum {string} */
        AuditAction: "health_check_created" | "health_check_updated" | "health_check_deleted" | "health_check_tested" | "health_check_rekeyed" | "gate_overridden" | "gate_override_removed" | "gate_cancelled" | "key_registered" | "job_created" | "job_cancelled" | "window_created" | "window_updated" | "window_deleted" | "host_paused" | "host_resumed";
        /** Format: uuid */
        AuditId: string;
        /** @enum {string} */
        AuditOutcome: "allowed" | "refused";
        /** @description Who did what, and when. */
        AuditRecord: {
            /** @description What. */
            action: components["schemas"]["AuditAction"];
            /** @description Who. */
            actor: string;
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description The changed fields; of a refusal, its `count`. */
            changes: components["schemas"]["FieldChange"][];
            check_id: components["schemas"]["CheckId"] | null;
            host_id: components["schemas"]["HostId"] | null;
            /** @description Identity. */
            id: components["schemas"]["AuditId"];
            job_id: components["schemas"]["JobId"] | null;
            /** @description Whether it was done, or refused for lack of a right. */
            outcome: components["schemas"]["AuditOutcome"];
            /** @description The reason that the actor gave. */
            reason: string | null;
            /** @description The request that it happened in. */
            request_id: string | null;
            /** @description Their role at the time. */
            role: components["schemas"]["Role"];
        };
        /** @description A part of the audit log, newest first. */
        AuditRecordList: {
            /** @description Where to go on; `null` at the end. */
            next_cursor: string | null;
            /** @description The records. There may be fewer than asked for before the end: go on with `next_cursor`. */
            records: components["schemas"]["AuditRecord"][];
        };
        /**
         * @description How a service, a web service or an agent behaves.
         * @enum {string}
         */
        Behaviour: "healthy" | "failed" | "slow" | "flapping" | "dead" | "wrong_name" | "expired" | "wrong_authority";
        /** @description A check or condition that would hold the gate back. */
        Blocking: {
            check_id: components["schemas"]["CheckId"] | null;
            /**
             * Format: date-time
             * @description When the check was last run.
             */
            checked_at: string | null;
            /** @description A sentence for people. */
            detail: string;
            /** @description The name of the check or condition. */
            name: string;
            /** @description Whether the target was seen in this condition, or could not be seen. */
            observed: boolean;
            /** @description Why. */
            reason: components["schemas"]["EvidenceReason"];
        };
        /** Format: uuid */
        CheckId: string;
        /** @description One run of a check. */
        CheckResult: {
            /**
             * Format: date-time
             * @description When it started.
             */
            checked_at: string;
            /** @description A sentence for people. */
            detail: string;
            /** @description Whether it passed. */
            healthy: boolean;
            /**
             * Format: int32
             * @description How long it took, in milliseconds.
             */
            latency_ms: number;
            /** @description Whether the target was seen in this condition, or could not be seen. */
            observed: boolean;
            /** @description Why, or why not. */
            reason: components["schemas"]["ReasonCode"];
        };
        /** @description A part of a check's history, newest first. */
        CheckResultList: {
            /** @description Where to go on; `null` at the end. */
            next_cursor: string | null;
            /** @description The results. */
            results: components["schemas"]["PastCheckResult"][];
        };
        /** @enum {string} */
        CheckStatus: "healthy" | "unhealthy" | "unknown";
        /** @description A check's status or reason is another than before, or the check was changed. */
        CheckStatusEvent: {
            /** @description The check. */
            check_id: components["schemas"]["CheckId"];
            /**
             * Format: date-time
             * @description When it was last run.
             */
            checked_at: string | null;
            /** @description The host. */
            host_id: components["schemas"]["HostId"];
            reason: components["schemas"]["ReasonCode"] | null;
            /** @description What is known of it now. */
            status: components["schemas"]["CheckStatus"];
        };
        /** @enum {string} */
        CheckType: "service" | "http";
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
        /** @enum {string} */
        EndReason: "window_closed" | "window_withdrawn" | "job_cancelled" | "host_deleted" | "not_run_capacity" | "gate_busy";
        /** @description Code and message in one member. */
        ErrorMember: {
            /** @description What it is, for programs. */
            code: string;
            /** @description What to do about it, for people. */
            message: string;
        };
        /** @description What a gate knows of one check, or of a condition of the application's own. */
        Evidence: {
            check_id: components["schemas"]["CheckId"] | null;
            /**
             * Format: date-time
             * @description When the run started.
             */
            checked_at: string | null;
            /** @description A sentence for people. */
            detail: string;
            /** @description Whether it is met. */
            healthy: boolean;
            /**
             * Format: int32
             * @description How long the run took, in milliseconds.
             */
            latency_ms: number | null;
            /** @description The name of the check or condition. */
            name: string;
            /** @description Whether the target was seen in this condition, or could not be seen. */
            observed: boolean;
            /** @description Why, or why not. */
            reason: components["schemas"]["EvidenceReason"];
        };
        /** @description a reason code, or the word of one of the application's own conditions */
        EvidenceReason: string;
        /** @description One changed field. A secret is never shown: its texts are `set`, `changed` or `cleared`. */
        FieldChange: {
            /** @description What it became. */
            after: string | null;
            /** @description What it was. */
            before: string | null;
            /** @description The member's name. */
            field: string;
        };
        /** @description What is wrong with one member or parameter. */
        FieldProblem: {
            /** @description What is wrong, for programs. */
            code: string;
            /** @description Its name; empty for the body as a whole. */
            field: string;
            /** @description What to do about it, for people. */
            message: string;
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
        /** @description The gate of one job on one host. */
        Gate: {
            /** @description The attempts, by number. */
            attempts: components["schemas"]["GateAttempt"][];
            /** @description The job asked for its cancellation. */
            cancel_requested: boolean;
            /**
             * Format: date-time
             * @description When its window closes.
             */
            closes_at: string;
            /**
             * Format: date-time
             * @description When the gate was opened.
             */
            created_at: string;
            /** @description Where it stands, for people; while it waits it names what is failing. */
            detail: string;
            end_reason: components["schemas"]["EndReason"] | null;
            /**
             * Format: date-time
             * @description When it ended.
             */
            ended_at: string | null;
            /** @description The newest verdict on each check and condition. */
            evidence: components["schemas"]["Evidence"][];
            /** @description It does not block. */
            exempt: boolean;
            /** @description The host. */
            host_id: components["schemas"]["HostId"];
            /** @description The job. */
            job_id: components["schemas"]["JobId"];
            kind: components["schemas"]["PassKind"] | null;
            /**
             * Format: date-time
             * @description When the next attempt is due, while it waits.
             */
            next_attempt_at: string | null;
            /** @description What happened from outside while it waited. */
            notes: components["schemas"]["GateNote"][];
            /**
             * Format: date-time
             * @description When its window opens.
             */
            opens_at: string;
            override: components["schemas"]["GateOverride"] | null;
            pass: components["schemas"]["GatePass"] | null;
            /** @description It reports and does not block. */
            report_only: boolean;
            /** @description Where it stands. */
            state: components["schemas"]["GateState"];
            /** @description The zone to show its window in, an IANA name; `null` where the window comes from no calendar. */
            time_zone: string | null;
            /** @description What bounds the wait. */
            window_kind: components["schemas"]["WindowKind"];
        };
        /** @description One attempt of a gate. */
        GateAttempt: {
            /** @description What was known of each check at its end. */
            checks: components["schemas"]["Evidence"][];
            /**
             * Format: date-time
             * @description When it was over.
             */
            finished_at: string | null;
            /**
             * Format: int32
             * @description Counted from 1.
             */
            number: number;
            /** @description How it came out. */
            outcome: components["schemas"]["AttemptOutcome"];
            /**
             * Format: date-time
             * @description When its checks were started.
             */
            started_at: string;
        };
        /**
         * @description A gate was opened, has moved, or has another next attempt; or its job has moved on, as when the work
         *     that a spent pass was for has ended. Whoever shows the job reads it afresh.
         */
        GateEvent: {
            /** @description The host. */
            host_id: components["schemas"]["HostId"];
            /** @description The job. */
            job_id: components["schemas"]["JobId"];
            kind: components["schemas"]["PassKind"] | null;
            /**
             * Format: date-time
             * @description When its next attempt is due.
             */
            next_attempt_at: string | null;
            /** @description Where it stands. */
            state: components["schemas"]["GateState"];
        };
        /** @description The gates of a job. */
        GateList: {
            /** @description Those of hosts that the caller may see, by the time of their opening. */
            gates: components["schemas"]["Gate"][];
        };
        /** @description Something that happened to a gate from outside. */
        GateNote: {
            /**
             * Format: date-time
             * @description When the gate saw it.
             */
            at: string;
            /** @description A sentence for people. */
            text: string;
        };
        /** @description What lets failing checks pass for one job and host. */
        GateOverride: {
            /** @description Who. */
            actor: string;
            /** @description The checks that may fail. */
            check_ids: components["schemas"]["CheckId"][];
            /**
             * Format: date-time
             * @description When it was given.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description Until when.
             */
            expires_at: string;
            /** @description Why. */
            reason: string;
        };
        /** @description The permission to go ahead. */
        GatePass: {
            /** @description What was known of each check. */
            evidence: components["schemas"]["Evidence"][];
            /**
             * Format: date-time
             * @description When it was given.
             */
            granted_at: string;
            /** @description Identity. */
            id: components["schemas"]["PassId"];
            /** @description On what ground. */
            kind: components["schemas"]["PassKind"];
            /**
             * Format: date-time
             * @description It can be spent before this instant.
             */
            valid_until: string;
            would_have: components["schemas"]["WouldHave"] | null;
        };
        /** @description What the gates would say, host by host. */
        GatePreview: {
            /** @description In the order asked. */
            hosts: components["schemas"]["HostPreview"][];
        };
        /** @description Which hosts to preview. */
        GatePreviewRequest: {
            /** @description The hosts. */
            host_ids: components["schemas"]["HostId"][];
            window?: components["schemas"]["Window"] | null;
        };
        /** @enum {string} */
        GateState: "waiting" | "passed" | "spent" | "failed" | "cancelled";
        /** @description A check with what is known of it. */
        HealthCheck: {
            /** @description The user for basic authentication. */
            basic_auth_user: string | null;
            /** @description The type. */
            check_type: components["schemas"]["CheckType"];
            /**
             * Format: date-time
             * @description When it was made.
             */
            created_at: string;
            /** @description Whether it is run and asked for. */
            enabled: boolean;
            /** @description What the body must contain. */
            expected_body: string | null;
            /** @description Whether a password is stored. */
            has_basic_auth_pass: boolean;
            /** @description The host it belongs to. */
            host_id: components["schemas"]["HostId"];
            /** @description Identity. */
            id: components["schemas"]["CheckId"];
            /** @description Whether any certificate will do. */
            ignore_cert_errors: boolean;
            last_result: components["schemas"]["CheckResult"] | null;
            /** @description A name for people; not unique. */
            name: string;
            /**
             * Format: int64
             * @description Raised by every change; the entity tag is this in quotes.
             */
            revision: number;
            /** @description The systemd unit that the agent is asked for. */
            service_name: string | null;
            /**
             * Format: date-time
             * @description When the status last turned.
             */
            since: string;
            /** @description What is known of it now. */
            status: components["schemas"]["CheckStatus"];
            target_host_id: components["schemas"]["HostId"] | null;
            /**
             * Format: date-time
             * @description When it was last changed.
             */
            updated_at: string;
            /** @description The URL. */
            url: string | null;
        };
        /**
         * @description A change of a check: an absent member stays, `null` clears an optional one, and another type
         *     clears what belongs to the old one.
         */
        HealthCheckChange: {
            /** @description The password. Absent, it stays; `null` removes it. */
            basic_auth_pass?: string | null;
            /** @description The user for basic authentication. `null` clears the password too. */
            basic_auth_user?: string | null;
            /** @description The type. */
            check_type?: components["schemas"]["CheckType"];
            /** @description Whether it is run and asked for. */
            enabled?: boolean;
            /** @description What the body must contain; the empty text for "the status alone". */
            expected_body?: string | null;
            /** @description Whether any certificate will do. Switching it on needs the password again, where one is stored. */
            ignore_cert_errors?: boolean;
            /** @description A name for people; not unique. */
            name?: string;
            /** @description The systemd unit that the agent is asked for. */
            service_name?: string | null;
            target_host_id?: components["schemas"]["HostId"] | null;
            /** @description The URL: absolute, http or https, without user info or fragment. */
            url?: string | null;
        };
        /** @description All checks of a host. */
        HealthCheckList: {
            /** @description The checks, by the time of their making. */
            checks: components["schemas"]["HealthCheck"][];
            /** @description How many. */
            total: number;
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
        /** Format: uuid */
        HostId: string;
        /**
         * @description Where a job stands on one host.
         * @enum {string}
         */
        HostJobStatus: "queued" | "waiting_for_window" | "waiting_health_check" | "patching" | "succeeded" | "failed" | "cancelled";
        /** @description A page of hosts. */
        HostList: {
            hosts: components["schemas"]["Host"][];
            /** @description Ask with it for the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description What a host's gate would say now. */
        HostPreview: {
            /** @description The checks and conditions that are not known to be met. */
            blocking: components["schemas"]["Blocking"][];
            /**
             * Format: date-time
             * @description When that window closes.
             */
            closes_at: string;
            /** @description Whether the job would go ahead. */
            decision: components["schemas"]["Outlook"];
            /** @description The host. */
            host_id: components["schemas"]["HostId"];
            kind: components["schemas"]["PassKind"] | null;
            /** @description The window is not open yet: that alone makes it wait where nothing is blocking. */
            not_open: boolean;
            /**
             * Format: date-time
             * @description When the window opens that it was judged in.
             */
            opens_at: string;
            /** @description The zone to show that window in, an IANA name; `null` where it comes from no calendar. */
            time_zone: string | null;
            /** @description What is left of the window has no room for a second attempt. */
            window_too_short: boolean;
        };
        /** @enum {string} */
        HostStatus: "none" | "unhealthy" | "unknown" | "healthy";
        /** @description How many of a host's enabled checks are in which status. */
        HostSummary: {
            /**
             * Format: int32
             * @description Healthy checks.
             */
            healthy: number;
            /** @description The host. */
            host_id: components["schemas"]["HostId"];
            /**
             * Format: date-time
             * @description When the check that was run longest ago was run; `null` where one has no result.
             */
            oldest_checked_at: string | null;
            /** @description What they make of the host. */
            status: components["schemas"]["HostStatus"];
            /**
             * Format: int32
             * @description Enabled checks.
             */
            total: number;
            /**
             * Format: int32
             * @description Unhealthy checks.
             */
            unhealthy: number;
            /**
             * Format: int32
             * @description Checks of which nothing is known.
             */
            unknown: number;
        };
        /** @description The summaries of several hosts. */
        HostSummaryList: {
            /** @description In the order asked; hosts that the caller may not see are left out. */
            hosts: components["schemas"]["HostSummary"][];
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
            /** @description How many hosts it has, of those that the caller may see. */
            host_count: number;
            /** @description Its hosts, by name; in a list, left out. */
            hosts?: components["schemas"]["JobHost"][] | null;
            id: components["schemas"]["JobId"];
            /** @description It was to run at once. */
            immediate: boolean;
            kind: components["schemas"]["JobKind"];
            /** @description Its gates report and do not block. */
            report_only: boolean;
            status: components["schemas"]["JobStatus"];
            window: components["schemas"]["Window"] | null;
        };
        /** @description A job on one host. */
        JobHost: {
            /** @description Where it stands, for people; while its gate waits it names what is failing. */
            detail: string;
            /** Format: date-time */
            finished_at: string | null;
            gate: components["schemas"]["Gate"] | null;
            host_id: components["schemas"]["HostId"];
            host_name: string;
            recheck: components["schemas"]["Recheck"] | null;
            /** Format: date-time */
            started_at: string | null;
            status: components["schemas"]["HostJobStatus"];
        };
        /** Format: uuid */
        JobId: string;
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
            /** @description 1 to 1,000 hosts that the caller may see. */
            host_ids: components["schemas"]["HostId"][];
            /** @description Run at once, and wait for health for a bounded time. */
            immediate?: boolean | null;
            kind?: components["schemas"]["JobKind"] | null;
            /** @description Let the gates report and not block. */
            report_only?: boolean | null;
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
        /** @description What an administrator asks for with an override. */
        NewGateOverride: {
            /** @description The checks that may fail: checks of this host. */
            check_ids: components["schemas"]["CheckId"][];
            /**
             * Format: date-time
             * @description Until when: in the future, and not after the gate's end.
             */
            expires_at: string;
            /** @description Why. */
            reason: string;
        };
        /**
         * @description A check to be made, or to be tested without being made. An http check needs `url` and
         *     `expected_body`, a service check `service_name`; each takes only what belongs to its type.
         */
        NewHealthCheck: {
            /** @description The password for basic authentication. Write only. */
            basic_auth_pass?: string | null;
            /** @description The user for basic authentication. */
            basic_auth_user?: string | null;
            /** @description The type. */
            check_type: components["schemas"]["CheckType"];
            /** @description Whether it is run and asked for. On by default. */
            enabled?: boolean | null;
            /** @description What the body must contain; the empty text for "the status alone". */
            expected_body?: string | null;
            /** @description Whether any certificate will do. On by default. */
            ignore_cert_errors?: boolean | null;
            /** @description A name for people; not unique. */
            name: string;
            /** @description The systemd unit that the agent is asked for. */
            service_name?: string | null;
            target_host_id?: components["schemas"]["HostId"] | null;
            /** @description The URL: absolute, http or https, without user info or fragment. */
            url?: string | null;
        };
        /** @enum {string} */
        Outlook: "proceed" | "wait" | "fail";
        /** Format: uuid */
        PassId: string;
        /** @enum {string} */
        PassKind: "healthy" | "no_checks" | "overridden" | "exempt" | "report_only";
        /** @description One run of a check in its history. */
        PastCheckResult: components["schemas"]["CheckResult"] & {
            /** @description Who ran it. */
            source: components["schemas"]["ResultSource"];
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
        /** @description The body of a [`Problem`]. */
        Problem: {
            /** @description What it is, for programs. */
            code: string;
            /** @description What to do about it, for people. */
            detail: string;
            /** @description The same again, as the existing front end reads it. */
            error: components["schemas"]["ErrorMember"];
            /** @description What is wrong with which member or parameter; empty where nothing of the kind is. */
            errors: components["schemas"]["FieldProblem"][];
            /**
             * Format: int32
             * @description The status.
             */
            status: number;
            /** @description The status in words. */
            title: string;
            /** @description Always `about:blank`: `code` says what it is. */
            type: string;
        };
        /** @enum {string} */
        ReasonCode: "ok" | "service_unhealthy" | "service_not_found" | "service_name_invalid" | "status" | "body_mismatch" | "body_missing" | "body_too_large" | "dns" | "connect" | "timeout_dns" | "timeout_connect" | "timeout_head" | "timeout_body" | "tls_untrusted" | "tls_expired" | "tls_not_yet_valid" | "tls_name" | "tls_refused" | "tls_other" | "protocol" | "body_truncated" | "encoding_refused" | "redirect_refused" | "destination_refused" | "agent_error" | "agent_refused" | "agent_rate_limited" | "agent_unsupported" | "agent_bad_reply" | "secret_unreadable" | "target_missing" | "interrupted" | "internal" | "no_result" | "stale" | "clock" | "not_run_capacity" | "gate_busy";
        /**
         * @description What the checks of a host said after the patch, against the pass on which it was patched.
         *
         *     No route of this API answers with it: an application keeps it with its jobs and shows it in their
         *     form. The document describes it for the clients of both.
         */
        Recheck: {
            /**
             * Format: date-time
             * @description When the checks were run.
             */
            checked_at: string;
            /** @description Each check and condition of the host, and then those of the pass that are no more. */
            checks: components["schemas"]["Rechecked"][];
            /** @description The host. */
            host_id: components["schemas"]["HostId"];
            /** @description Whether anything fails that did not fail before. */
            is_worse: boolean;
            /** @description The job. */
            job_id: components["schemas"]["JobId"];
        };
        /** @enum {string} */
        RecheckChange: "same" | "broke" | "mended" | "still_failing" | "new" | "gone";
        /** @description One check or condition before the patch and after it. */
        Rechecked: {
            /** @description What that makes. */
            change: components["schemas"]["RecheckChange"];
            check_id: components["schemas"]["CheckId"] | null;
            /** @description The name, as it is after the patch where it still exists. */
            name: string;
            now: components["schemas"]["Evidence"] | null;
            was: components["schemas"]["Evidence"] | null;
        };
        /** @enum {string} */
        ResultSource: "poll" | "gate";
        /** @enum {string} */
        Role: "admin" | "operator" | "reporter" | "system";
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
        /** @description A window: from `opens_at` (inside) to `closes_at` (outside), at most 7 days. */
        Window: {
            /**
             * Format: date-time
             * @description The first instant after it.
             */
            closes_at: string;
            /**
             * Format: date-time
             * @description The first instant inside.
             */
            opens_at: string;
            /**
             * @description The zone of the calendar that it comes from, to show it in; left out where it comes from none. It
             *     moves nothing.
             */
            readonly time_zone?: string | null;
        };
        /** @enum {string} */
        WindowKind: "maintenance" | "immediate";
        /** @description What a gate that does not block would have done if it did. */
        WouldHave: {
            /** @description What it would have done. */
            decision: components["schemas"]["Outlook"];
            kind: components["schemas"]["PassKind"] | null;
        };
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
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `malformed`: the body is no JSON. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller may see it, and may not do this. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_found`: there is no such thing, or the caller may not see it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict`: this cannot be done in the state that things are in. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large`: the body has more than 64 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the body is not said to be JSON. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the body breaks rules; each stands in `errors`. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    events: {
        parameters: {
            query?: never;
            header?: {
                /** @description the last event's id */
                "Last-Event-ID"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the events */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable" | "events_unavailable" | "too_many_streams";
                    };
                };
            };
        };
    };
    preview_gates: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["GatePreviewRequest"];
            };
        };
        responses: {
            /** @description host by host */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatePreview"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "malformed";
                    };
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "not_found";
                    };
                };
            };
            /** @description Payload Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "body_too_large";
                    };
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unsupported_media_type";
                    };
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "invalid";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable";
                    };
                };
            };
        };
    };
    list_audit_records: {
        parameters: {
            query?: {
                /** @description only records of these hosts; those that the caller may not see are left out */
                host_ids?: components["schemas"]["HostId"][];
                /** @description at most so many */
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
            /** @description the records */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditRecordList"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "forbidden";
                    };
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "invalid";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable";
                    };
                };
            };
        };
    };
    summarise_hosts: {
        parameters: {
            query: {
                /** @description 1 to 500 hosts; those that the caller may not see are left out */
                host_ids: components["schemas"]["HostId"][];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the summaries */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostSummaryList"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "invalid";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable";
                    };
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
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: a parameter is not possible. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_found`: there is no such thing, or the caller may not see it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_health_checks: {
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
            /** @description its checks */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthCheckList"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "not_found";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable";
                    };
                };
            };
        };
    };
    create_health_check: {
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
                "application/json": components["schemas"]["NewHealthCheck"];
            };
        };
        responses: {
            /** @description the check */
            201: {
                headers: {
                    /** @description its revision in quotes */
                    ETag?: string;
                    /** @description its path */
                    Location?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthCheck"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "malformed";
                    };
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "forbidden";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "not_found";
                    };
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "limit_reached";
                    };
                };
            };
            /** @description Payload Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "body_too_large";
                    };
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unsupported_media_type";
                    };
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "invalid";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable" | "secrets_unavailable";
                    };
                };
            };
        };
    };
    test_new_health_check: {
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
                "application/json": components["schemas"]["NewHealthCheck"];
            };
        };
        responses: {
            /** @description how it came out */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckResult"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "malformed";
                    };
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "forbidden";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "not_found";
                    };
                };
            };
            /** @description Payload Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "body_too_large";
                    };
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unsupported_media_type";
                    };
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "invalid";
                    };
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "rate_limited" | "test_running";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable" | "secrets_unavailable";
                    };
                };
            };
        };
    };
    read_health_check: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the host */
                host_id: components["schemas"]["HostId"];
                /** @description the check */
                check_id: components["schemas"]["CheckId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the check */
            200: {
                headers: {
                    /** @description its revision in quotes */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthCheck"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "not_found";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable";
                    };
                };
            };
        };
    };
    change_health_check: {
        parameters: {
            query?: never;
            header?: {
                /** @description the revision that the change is of */
                "If-Match"?: string | null;
            };
            path: {
                /** @description the host */
                host_id: components["schemas"]["HostId"];
                /** @description the check */
                check_id: components["schemas"]["CheckId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HealthCheckChange"];
            };
        };
        responses: {
            /** @description the check as it is now */
            200: {
                headers: {
                    /** @description its revision in quotes */
                    ETag?: string;
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthCheck"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "malformed";
                    };
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "forbidden";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "not_found";
                    };
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "password_required" | "conflict";
                    };
                };
            };
            /** @description Precondition Failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "revision_mismatch";
                    };
                };
            };
            /** @description Payload Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "body_too_large";
                    };
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unsupported_media_type";
                    };
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "invalid";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable" | "secrets_unavailable";
                    };
                };
            };
        };
    };
    delete_health_check: {
        parameters: {
            query?: never;
            header?: {
                /** @description the revision that is to be deleted */
                "If-Match"?: string | null;
            };
            path: {
                /** @description the host */
                host_id: components["schemas"]["HostId"];
                /** @description the check */
                check_id: components["schemas"]["CheckId"];
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
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "forbidden";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "not_found";
                    };
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "conflict";
                    };
                };
            };
            /** @description Precondition Failed */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "revision_mismatch";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable";
                    };
                };
            };
        };
    };
    list_check_results: {
        parameters: {
            query?: {
                /** @description at most so many */
                limit?: number;
                /** @description the `next_cursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description the host */
                host_id: components["schemas"]["HostId"];
                /** @description the check */
                check_id: components["schemas"]["CheckId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the results */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckResultList"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "not_found";
                    };
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "invalid";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable";
                    };
                };
            };
        };
    };
    test_health_check: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the host */
                host_id: components["schemas"]["HostId"];
                /** @description the check */
                check_id: components["schemas"]["CheckId"];
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/json": components["schemas"]["HealthCheckChange"] | null;
            };
        };
        responses: {
            /** @description how it came out */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckResult"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "malformed";
                    };
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "forbidden";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "not_found";
                    };
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "password_required";
                    };
                };
            };
            /** @description Payload Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "body_too_large";
                    };
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unsupported_media_type";
                    };
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "invalid";
                    };
                };
            };
            /** @description Too Many Requests */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "rate_limited" | "test_running";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable" | "secrets_unavailable";
                    };
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
            /** @description `malformed`: the body is no JSON. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller may see it, and may not do this. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_found`: there is no such thing, or the caller may not see it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict`: this cannot be done in the state that things are in. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large`: the body has more than 64 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the body is not said to be JSON. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the body breaks rules; each stands in `errors`. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: a parameter is not possible. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `malformed`: the body is no JSON. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller may see it, and may not do this. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_found`: there is no such thing, or the caller may not see it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict`: this cannot be done in the state that things are in. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large`: the body has more than 64 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the body is not said to be JSON. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the body breaks rules; each stands in `errors`. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_found`: there is no such thing, or the caller may not see it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `malformed`: the body is no JSON. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller may see it, and may not do this. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_found`: there is no such thing, or the caller may not see it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict`: this cannot be done in the state that things are in. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large`: the body has more than 64 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the body is not said to be JSON. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the body breaks rules; each stands in `errors`. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_gates: {
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
            /** @description its gates */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GateList"];
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "not_found";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable";
                    };
                };
            };
        };
    };
    override_gate: {
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
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewGateOverride"];
            };
        };
        responses: {
            /** @description the gate */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Gate"];
                };
            };
            /** @description Bad Request */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "malformed";
                    };
                };
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "forbidden";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "not_found";
                    };
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "invalid_state";
                    };
                };
            };
            /** @description Payload Too Large */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "body_too_large";
                    };
                };
            };
            /** @description Unsupported Media Type */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unsupported_media_type";
                    };
                };
            };
            /** @description Unprocessable Entity */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "invalid";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable";
                    };
                };
            };
        };
    };
    remove_override: {
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
            /** @description there is none any more */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Unauthorized */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "unauthenticated";
                    };
                };
            };
            /** @description Forbidden */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "forbidden";
                    };
                };
            };
            /** @description Not Found */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "not_found";
                    };
                };
            };
            /** @description Conflict */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "invalid_state";
                    };
                };
            };
            /** @description Internal Server Error */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "internal";
                    };
                };
            };
            /** @description Service Unavailable */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {string} */
                        code: "store_unavailable";
                    };
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
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: a parameter is not possible. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `malformed`: the body is no JSON. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller may see it, and may not do this. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_found`: there is no such thing, or the caller may not see it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict`: this cannot be done in the state that things are in. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large`: the body has more than 64 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the body is not said to be JSON. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the body breaks rules; each stands in `errors`. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_found`: there is no such thing, or the caller may not see it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `malformed`: the body is no JSON. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller may see it, and may not do this. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_found`: there is no such thing, or the caller may not see it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict`: this cannot be done in the state that things are in. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large`: the body has more than 64 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the body is not said to be JSON. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the body breaks rules; each stands in `errors`. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `malformed`: the body is no JSON. */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `forbidden`: the caller may see it, and may not do this. */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `not_found`: there is no such thing, or the caller may not see it. */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `conflict`: this cannot be done in the state that things are in. */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `body_too_large`: the body has more than 64 KiB. */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `unsupported_media_type`: the body is not said to be JSON. */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `invalid`: the body breaks rules; each stands in `errors`. */
            422: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
            /** @description `unauthenticated`: the token is missing or unknown. */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /** @description `internal`: something went wrong here. */
            500: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
            /**
             * @description `store_unavailable`: the database cannot be reached; `overloaded`, `too_slow`: too much is asked
             *     at once.
             */
            503: {
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
