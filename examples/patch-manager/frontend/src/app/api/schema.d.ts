// Generated from openapi.json by `npm run generate`. Do not edit.

export interface paths {
    "/api/v1/hosts/{host_id}/health-checks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get_api_v1_hosts_host_id_health_checks"];
        put?: never;
        post: operations["post_api_v1_hosts_host_id_health_checks"];
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
        get: operations["get_api_v1_hosts_host_id_health_checks_check_id"];
        put: operations["put_api_v1_hosts_host_id_health_checks_check_id"];
        post?: never;
        delete: operations["delete_api_v1_hosts_host_id_health_checks_check_id"];
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
        post: operations["post_api_v1_hosts_host_id_health_checks_check_id_test"];
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
        post: operations["post_api_v1_hosts_host_id_health_checks_test"];
        delete?: never;
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
        get: operations["get_api_v1_hosts_host_id_health_checks_check_id_results"];
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
        get: operations["get_api_v1_health_checks_summary"];
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
        post: operations["post_api_v1_gates_preview"];
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
        get: operations["get_api_v1_jobs_job_id_gates"];
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
        post: operations["post_api_v1_jobs_job_id_hosts_host_id_override"];
        delete: operations["delete_api_v1_jobs_job_id_hosts_host_id_override"];
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
        get: operations["get_api_v1_health_checks_audit"];
        put?: never;
        post?: never;
        delete?: never;
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
        get: operations["get_api_v1_me"];
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
        get: operations["get_api_v1_hosts"];
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
        get: operations["get_api_v1_hosts_host_id"];
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
        put: operations["put_api_v1_hosts_host_id_paused"];
        post?: never;
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
        get: operations["get_api_v1_maintenance_windows"];
        put?: never;
        post: operations["post_api_v1_maintenance_windows"];
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
        get?: never;
        put: operations["put_api_v1_maintenance_windows_window_id"];
        post?: never;
        delete: operations["delete_api_v1_maintenance_windows_window_id"];
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
        get: operations["get_api_v1_jobs"];
        put?: never;
        post: operations["post_api_v1_jobs"];
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
        get: operations["get_api_v1_jobs_job_id"];
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
        post: operations["post_api_v1_jobs_job_id_cancel"];
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
        get: operations["get_api_v1_demo_users"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/demo/fleet": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get: operations["get_api_v1_demo_fleet"];
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
        post: operations["post_api_v1_demo_fleet_host_id"];
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
        CheckType: "service" | "http";
        /** @enum {string} */
        CheckStatus: "healthy" | "unhealthy" | "unknown";
        /** @enum {string} */
        HostStatus: "none" | "unhealthy" | "unknown" | "healthy";
        /** @enum {string} */
        GateState: "waiting" | "passed" | "spent" | "failed" | "cancelled";
        /** @enum {string} */
        PassKind: "healthy" | "no_checks" | "overridden" | "exempt" | "report_only";
        /** @enum {string} */
        EndReason: "window_closed" | "window_withdrawn" | "job_cancelled" | "host_deleted" | "not_run_capacity" | "gate_busy";
        /** @enum {string} */
        WindowKind: "maintenance" | "immediate";
        /** @enum {string} */
        AttemptOutcome: "running" | "finished" | "interrupted";
        /** @enum {string} */
        ResultSource: "poll" | "gate";
        /** @enum {string} */
        PreviewDecision: "proceed" | "wait" | "fail";
        /** @enum {string} */
        Role: "admin" | "operator" | "reporter" | "system";
        /** @enum {string} */
        ReasonCode: "ok" | "service_unhealthy" | "service_not_found" | "service_name_invalid" | "status" | "body_mismatch" | "body_missing" | "body_too_large" | "dns" | "connect" | "timeout_dns" | "timeout_connect" | "timeout_head" | "timeout_body" | "tls_untrusted" | "tls_expired" | "tls_not_yet_valid" | "tls_name" | "tls_refused" | "tls_other" | "protocol" | "body_truncated" | "encoding_refused" | "redirect_refused" | "destination_refused" | "agent_error" | "agent_refused" | "agent_rate_limited" | "agent_unsupported" | "agent_bad_reply" | "secret_unreadable" | "target_missing" | "interrupted" | "internal" | "no_result" | "stale" | "clock" | "not_run_capacity" | "gate_busy";
        EvidenceReason: string;
        CheckResult: {
            healthy: boolean;
            reason: components["schemas"]["ReasonCode"];
            observed: boolean;
            detail: string;
            latency_ms: number;
            /** Format: date-time */
            checked_at: string;
        };
        PastCheckResult: components["schemas"]["CheckResult"] & {
            source: components["schemas"]["ResultSource"];
        };
        HealthCheck: {
            /** Format: uuid */
            id: string;
            /** Format: uuid */
            host_id: string;
            name: string;
            check_type: components["schemas"]["CheckType"];
            enabled: boolean;
            service_name: string | null;
            url: string | null;
            expected_body: string | null;
            ignore_cert_errors: boolean;
            basic_auth_user: string | null;
            has_basic_auth_pass: boolean;
            /** Format: uuid */
            target_host_id: string | null;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
            revision: number;
            status: components["schemas"]["CheckStatus"];
            /** Format: date-time */
            since: string;
            last_result: null | components["schemas"]["CheckResult"];
        };
        NewHealthCheck: {
            name: string;
            check_type: components["schemas"]["CheckType"];
            enabled?: boolean | null;
            service_name?: string | null;
            url?: string | null;
            expected_body?: string | null;
            ignore_cert_errors?: boolean | null;
            basic_auth_user?: string | null;
            basic_auth_pass?: string | null;
            /** Format: uuid */
            target_host_id?: string | null;
        };
        HealthCheckChange: {
            name?: string | null;
            check_type?: null | components["schemas"]["CheckType"];
            enabled?: boolean | null;
            service_name?: string | null;
            url?: string | null;
            expected_body?: string | null;
            ignore_cert_errors?: boolean | null;
            basic_auth_user?: string | null;
            basic_auth_pass?: string | null;
            /** Format: uuid */
            target_host_id?: string | null;
        };
        HealthCheckList: {
            checks: components["schemas"]["HealthCheck"][];
            total: number;
        };
        CheckResultList: {
            results: components["schemas"]["PastCheckResult"][];
            next_cursor: string | null;
        };
        HostSummary: {
            /** Format: uuid */
            host_id: string;
            status: components["schemas"]["HostStatus"];
            healthy: number;
            unhealthy: number;
            unknown: number;
            total: number;
            /** Format: date-time */
            oldest_checked_at: string | null;
        };
        HostSummaryList: {
            hosts: components["schemas"]["HostSummary"][];
        };
        Window: {
            /** Format: date-time */
            opens_at: string;
            /** Format: date-time */
            closes_at: string;
        };
        Evidence: {
            /** Format: uuid */
            check_id: string | null;
            name: string;
            healthy: boolean;
            reason: components["schemas"]["EvidenceReason"];
            observed: boolean;
            detail: string;
            latency_ms: number | null;
            /** Format: date-time */
            checked_at: string | null;
        };
        Blocking: {
            /** Format: uuid */
            check_id: string | null;
            name: string;
            reason: components["schemas"]["EvidenceReason"];
            observed: boolean;
            detail: string;
            /** Format: date-time */
            checked_at: string | null;
        };
        HostPreview: {
            /** Format: uuid */
            host_id: string;
            decision: components["schemas"]["PreviewDecision"];
            kind: null | components["schemas"]["PassKind"];
            /** Format: date-time */
            opens_at: string;
            /** Format: date-time */
            closes_at: string;
            not_open: boolean;
            window_too_short: boolean;
            blocking: components["schemas"]["Blocking"][];
        };
        GatePreview: {
            hosts: components["schemas"]["HostPreview"][];
        };
        GatePreviewRequest: {
            host_ids: string[];
            window?: null | components["schemas"]["Window"];
        };
        GateAttempt: {
            number: number;
            /** Format: date-time */
            started_at: string;
            /** Format: date-time */
            finished_at: string | null;
            outcome: components["schemas"]["AttemptOutcome"];
            checks: components["schemas"]["Evidence"][];
        };
        GateNote: {
            /** Format: date-time */
            at: string;
            text: string;
        };
        GateOverride: {
            check_ids: string[];
            reason: string;
            /** Format: date-time */
            expires_at: string;
            actor: string;
            /** Format: date-time */
            created_at: string;
        };
        NewGateOverride: {
            check_ids: string[];
            reason: string;
            /** Format: date-time */
            expires_at: string;
        };
        GatePass: {
            /** Format: uuid */
            id: string;
            kind: components["schemas"]["PassKind"];
            /** Format: date-time */
            granted_at: string;
            /** Format: date-time */
            valid_until: string;
            evidence: components["schemas"]["Evidence"][];
        };
        Gate: {
            /** Format: uuid */
            job_id: string;
            /** Format: uuid */
            host_id: string;
            state: components["schemas"]["GateState"];
            kind: null | components["schemas"]["PassKind"];
            /** Format: date-time */
            opens_at: string;
            /** Format: date-time */
            closes_at: string;
            window_kind: components["schemas"]["WindowKind"];
            report_only: boolean;
            exempt: boolean;
            cancel_requested: boolean;
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            next_attempt_at: string | null;
            /** Format: date-time */
            ended_at: string | null;
            end_reason: null | components["schemas"]["EndReason"];
            detail: string;
            evidence: components["schemas"]["Evidence"][];
            notes: components["schemas"]["GateNote"][];
            attempts: components["schemas"]["GateAttempt"][];
            override: null | components["schemas"]["GateOverride"];
            pass: null | components["schemas"]["GatePass"];
        };
        GateList: {
            gates: components["schemas"]["Gate"][];
        };
        FieldChange: {
            field: string;
            before: string | null;
            after: string | null;
        };
        AuditRecord: {
            /** Format: uuid */
            id: string;
            /** Format: date-time */
            at: string;
            actor: string;
            role: components["schemas"]["Role"];
            action: string;
            /** @enum {string} */
            outcome: "allowed" | "refused";
            /** Format: uuid */
            host_id: string | null;
            /** Format: uuid */
            check_id: string | null;
            /** Format: uuid */
            job_id: string | null;
            changes: components["schemas"]["FieldChange"][];
            reason: string | null;
            request_id: string | null;
        };
        AuditRecordList: {
            records: components["schemas"]["AuditRecord"][];
            next_cursor: string | null;
        };
        FieldProblem: {
            field: string;
            code: string;
            message: string;
        };
        ErrorMember: {
            code: string;
            message: string;
        };
        Problem: {
            type: string;
            title: string;
            status: number;
            code: string;
            detail: string;
            errors: components["schemas"]["FieldProblem"][];
            error: components["schemas"]["ErrorMember"];
        };
        Me: {
            name: string;
            role: components["schemas"]["Role"];
            groups: string[];
        };
        HostHealth: {
            status: components["schemas"]["HostStatus"];
            healthy: number;
            unhealthy: number;
            unknown: number;
            total: number;
            /** Format: date-time */
            oldest_checked_at: string | null;
        };
        Pause: {
            reason: string;
            by: string | null;
            /** Format: date-time */
            at: string | null;
        };
        Host: {
            /** Format: uuid */
            id: string;
            name: string;
            address: string;
            agent_port: number;
            agent_identity: string | null;
            groups: string[];
            paused: null | components["schemas"]["Pause"];
            health: components["schemas"]["HostHealth"];
            maintenance_window: null | components["schemas"]["Window"];
        };
        HostList: {
            hosts: components["schemas"]["Host"][];
            next_cursor: string | null;
        };
        PauseRequest: {
            paused: boolean;
            reason?: string | null;
        };
        MaintenanceWindow: {
            /** Format: uuid */
            id: string;
            name: string;
            host_ids: string[];
            recurrence: string | null;
            weekdays: string[] | null;
            day_of_month: number | null;
            time_zone: string | null;
            start_time: string | null;
            starts_at: string | null;
            first_date: string | null;
            duration_minutes: number | null;
            enabled: boolean;
            occurrence: null | components["schemas"]["Window"];
            /** Format: date-time */
            created_at: string;
            /** Format: date-time */
            updated_at: string;
            revision: number;
        };
        MaintenanceWindowRequest: {
            name: string;
            host_ids: string[];
            recurrence: string;
            duration_minutes: number;
            weekdays?: string[] | null;
            day_of_month?: number | null;
            time_zone?: string | null;
            start_time?: string | null;
            starts_at?: string | null;
            first_date?: string | null;
            enabled?: boolean | null;
        };
        MaintenanceWindowList: {
            windows: components["schemas"]["MaintenanceWindow"][];
            next_cursor: string | null;
        };
        /** @enum {string} */
        JobStatus: "queued" | "running" | "succeeded" | "failed" | "cancelled";
        /** @enum {string} */
        HostJobStatus: "queued" | "waiting_for_window" | "waiting_health_check" | "patching" | "succeeded" | "failed" | "cancelled";
        JobHost: {
            /** Format: uuid */
            host_id: string;
            host_name: string;
            status: components["schemas"]["HostJobStatus"];
            detail: string;
            /** Format: date-time */
            started_at: string | null;
            /** Format: date-time */
            finished_at: string | null;
            gate: null | components["schemas"]["Gate"];
            recheck: Record<string, never> | null;
        };
        /** @enum {string} */
        JobKind: "patch" | "rollback";
        Job: {
            /** Format: uuid */
            id: string;
            kind: components["schemas"]["JobKind"];
            status: components["schemas"]["JobStatus"];
            created_by: string;
            /** Format: date-time */
            created_at: string;
            window: null | components["schemas"]["Window"];
            immediate: boolean;
            report_only: boolean;
            /** Format: date-time */
            cancelled_at: string | null;
            host_count: number;
            counts: {
                [key: string]: number;
            };
            hosts?: components["schemas"]["JobHost"][] | null;
        };
        JobList: {
            jobs: components["schemas"]["Job"][];
            next_cursor: string | null;
        };
        /** @enum {string} */
        Behaviour: "healthy" | "failed" | "slow" | "flapping" | "dead" | "wrong_name" | "expired" | "wrong_authority";
        FleetHost: {
            /** Format: uuid */
            host_id: string;
            name: string;
            agent: components["schemas"]["Behaviour"];
            services: {
                [key: string]: components["schemas"]["Behaviour"];
            };
            http: null | components["schemas"]["Behaviour"];
            patch: components["schemas"]["Behaviour"];
        };
        FleetList: {
            hosts: components["schemas"]["FleetHost"][];
        };
        FleetRequest: {
            state: components["schemas"]["Behaviour"];
            service?: string | null;
            http?: boolean | null;
            agent?: boolean | null;
            patch?: boolean | null;
        };
        JobRequest: {
            host_ids: string[];
            window?: null | components["schemas"]["Window"];
            immediate?: boolean | null;
            report_only?: boolean | null;
        };
        DemoUser: {
            name: string;
            role: components["schemas"]["Role"];
            token: string;
        };
        DemoUserList: {
            users: components["schemas"]["DemoUser"][];
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
    get_api_v1_hosts_host_id_health_checks: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                host_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthCheckList"];
                };
            };
            /** @description problem */
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
    post_api_v1_hosts_host_id_health_checks: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                host_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewHealthCheck"];
            };
        };
        responses: {
            /** @description done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthCheck"];
                };
            };
            /** @description problem */
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
    get_api_v1_hosts_host_id_health_checks_check_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                host_id: string;
                check_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthCheck"];
                };
            };
            /** @description problem */
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
    put_api_v1_hosts_host_id_health_checks_check_id: {
        parameters: {
            query?: never;
            header?: {
                "If-Match"?: string;
            };
            path: {
                host_id: string;
                check_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HealthCheckChange"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthCheck"];
                };
            };
            /** @description problem */
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
    delete_api_v1_hosts_host_id_health_checks_check_id: {
        parameters: {
            query?: never;
            header?: {
                "If-Match"?: string;
            };
            path: {
                host_id: string;
                check_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description problem */
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
    post_api_v1_hosts_host_id_health_checks_check_id_test: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                host_id: string;
                check_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["HealthCheckChange"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckResult"];
                };
            };
            /** @description problem */
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
    post_api_v1_hosts_host_id_health_checks_test: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                host_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewHealthCheck"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckResult"];
                };
            };
            /** @description problem */
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
    get_api_v1_hosts_host_id_health_checks_check_id_results: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path: {
                host_id: string;
                check_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CheckResultList"];
                };
            };
            /** @description problem */
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
    get_api_v1_health_checks_summary: {
        parameters: {
            query?: {
                host_ids?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostSummaryList"];
                };
            };
            /** @description problem */
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
    post_api_v1_gates_preview: {
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
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GatePreview"];
                };
            };
            /** @description problem */
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
    get_api_v1_jobs_job_id_gates: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GateList"];
                };
            };
            /** @description problem */
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
    post_api_v1_jobs_job_id_hosts_host_id_override: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
                host_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewGateOverride"];
            };
        };
        responses: {
            /** @description done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GateOverride"];
                };
            };
            /** @description problem */
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
    delete_api_v1_jobs_job_id_hosts_host_id_override: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
                host_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description problem */
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
    get_api_v1_health_checks_audit: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                host_ids?: string[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditRecordList"];
                };
            };
            /** @description problem */
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
    get_api_v1_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Me"];
                };
            };
            /** @description problem */
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
    get_api_v1_hosts: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
                status?: components["schemas"]["HostStatus"];
                q?: string;
                sort?: "name" | "status";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HostList"];
                };
            };
            /** @description problem */
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
    get_api_v1_hosts_host_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                host_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Host"];
                };
            };
            /** @description problem */
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
    put_api_v1_hosts_host_id_paused: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                host_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PauseRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Host"];
                };
            };
            /** @description problem */
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
    get_api_v1_maintenance_windows: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceWindowList"];
                };
            };
            /** @description problem */
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
    post_api_v1_maintenance_windows: {
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
            /** @description done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceWindow"];
                };
            };
            /** @description problem */
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
    put_api_v1_maintenance_windows_window_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
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
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MaintenanceWindow"];
                };
            };
            /** @description problem */
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
    delete_api_v1_maintenance_windows_window_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                window_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description problem */
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
    get_api_v1_jobs: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["JobList"];
                };
            };
            /** @description problem */
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
    post_api_v1_jobs: {
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
            /** @description done */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description problem */
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
    get_api_v1_jobs_job_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description problem */
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
    post_api_v1_jobs_job_id_cancel: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                job_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Job"];
                };
            };
            /** @description problem */
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
    get_api_v1_demo_users: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DemoUserList"];
                };
            };
            /** @description problem */
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
    get_api_v1_demo_fleet: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FleetList"];
                };
            };
            /** @description problem */
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
    post_api_v1_demo_fleet_host_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                host_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FleetRequest"];
            };
        };
        responses: {
            /** @description done */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FleetHost"];
                };
            };
            /** @description problem */
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
