// Generated from docs/openapi.json by `npm run generate`. Do not edit.

export interface paths {
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
    "/api/v1/health-checks/audit/export": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The audit log as a file, newest first: what the list shows for the same filter, without pages.
         * @description A file has 100,000 records at most. Where there are more, its last line says so and names the instant to
         *     go on before: export again with it as `until`. Cells of a CSV file that a spreadsheet would run as a formula
         *     begin with an apostrophe.
         */
        get: operations["export_audit_records"];
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
        /**
         * Makes a check. It runs at once, unless its author has spent the minute's budget of tests and changes:
         *     then its first run waits for the budget's next slot.
         */
        post: operations["create_health_check"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v1/hosts/{host_id}/health-checks/copy": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Copies checks of this host to other hosts.
         * @description The caller must have the right to change checks on this host and on each other one. Each copy is a check of its
         *     own, with its own password, limit, first run and audit record. A host that has a check of the same definition
         *     keeps it, so that a request can be repeated. The answer says what became of each check on each host.
         */
        post: operations["copy_health_checks"];
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
         *     tolerated bad certificate, needs the password again, where one is stored. The changed check runs at
         *     once, unless its author has spent the minute's budget of tests and changes: then its first run waits
         *     for the budget's next slot.
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
    "/api/v1/jobs/{job_id}/explain": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What the hosts of a job wait for, what clears it, and who can, the largest group first.
         * @description Only hosts that the caller may see are counted and named; where there are none, the job is unknown.
         *     Hosts that are being changed or are done wait for nothing, and stand in no group. Ask again with each
         *     `gate` event of the job: one is sent when a worker finds that a host waits for something else.
         */
        get: operations["explain_job"];
        put?: never;
        post?: never;
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
         * The gates of a job with their newest attempts, override and pass, by the time of their opening.
         * @description Only those of hosts that the caller may see; where there are none, the job is unknown. A page may hold
         *     fewer gates than asked for before the end: go on with `next_cursor`.
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
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description How an attempt came out.
         * @enum {string}
         */
        AttemptOutcome: "running" | "finished" | "interrupted" | "unreadable";
        /**
         * @description What was done.
         * @enum {string}
         */
        AuditAction: "health_check_created" | "health_check_updated" | "health_check_deleted" | "health_check_tested" | "health_check_rekeyed" | "gate_overridden" | "gate_override_removed" | "gate_clock_cleared" | "gate_cancelled" | "rollout_resumed" | "key_registered" | "job_created" | "job_cancelled" | "window_created" | "window_updated" | "window_deleted" | "host_paused" | "host_resumed" | "token_issued" | "token_revoked" | "sign_in_failed" | "record_unreadable";
        /**
         * Format: uuid
         * @description One audit record.
         */
        AuditId: string;
        /**
         * @description Whether it was done.
         * @enum {string}
         */
        AuditOutcome: "allowed" | "refused";
        /** @description One entry of the audit log, in the API's form. */
        AuditRecord: {
            /** @description What. */
            action: components["schemas"]["AuditAction"];
            /** @description Who. */
            actor: string;
            /**
             * Format: date-time
             * @description When, by the store's clock.
             */
            at: string;
            /** @description The changed fields. */
            changes: components["schemas"]["FieldChange"][];
            check_id: components["schemas"]["CheckId"] | null;
            host_id: components["schemas"]["HostId"] | null;
            /** @description Identity; ordered by time. */
            id: components["schemas"]["AuditId"];
            job_id: components["schemas"]["JobId"] | null;
            /** @description Whether it was done. */
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
        /** @description A check or condition that would hold the gate back. */
        Blocking: {
            check_id: components["schemas"]["CheckId"] | null;
            /**
             * Format: date-time
             * @description When the check was last run; `None` where it never was.
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
        /**
         * @description What a host waits for first of all.
         * @enum {string}
         */
        Cause: "window" | "checks" | "condition" | "busy" | "capacity" | "clock" | "stage" | "group" | "budget" | "pass_given" | "verifying";
        /**
         * Format: uuid
         * @description A health check of one host.
         */
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
        /**
         * @description What is known of a check.
         * @enum {string}
         */
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
        /**
         * @description The two kinds of checks.
         * @enum {string}
         */
        CheckType: "service" | "http";
        /** @description Which checks of a host to copy, and where to. */
        CopyHealthChecksRequest: {
            /** @description Checks of the host. */
            check_ids: components["schemas"]["CheckId"][];
            /** @description The hosts that get copies. */
            host_ids: components["schemas"]["HostId"][];
        };
        /**
         * @description What became of one check on one host.
         * @enum {string}
         */
        CopyOutcome: "created" | "present" | "refused";
        /** @description One check on one host. */
        CopyResult: {
            /** @description The check that was copied. */
            check_id: components["schemas"]["CheckId"];
            /** @description Why there is none: the code of a problem, such as `limit_reached`. */
            code: string | null;
            copy_id: components["schemas"]["CheckId"] | null;
            /** @description The same in a sentence for people. */
            detail: string | null;
            /** @description The host that was to get the copy. */
            host_id: components["schemas"]["HostId"];
            /** @description What became of it. */
            outcome: components["schemas"]["CopyOutcome"];
        };
        /** @description What became of each check on each host. */
        CopyResultList: {
            /** @description Host by host, in the order that was asked for. */
            results: components["schemas"]["CopyResult"][];
        };
        /**
         * @description Why a gate ended without a pass.
         * @enum {string}
         */
        EndReason: "window_closed" | "window_withdrawn" | "job_cancelled" | "host_deleted" | "not_run_capacity" | "gate_busy" | "pass_not_spent" | "record_unreadable";
        /** @description Code and message in one member. */
        ErrorMember: {
            /** @description What it is, for programs. */
            code: string;
            /** @description What to do about it, for people. */
            message: string;
        };
        /** @description What a gate knows of one requirement: a check, or a condition that the application defines. */
        Evidence: {
            check_id: components["schemas"]["CheckId"] | null;
            /**
             * Format: date-time
             * @description When the run started; `None` where there was none.
             */
            checked_at: string | null;
            /** @description A sentence for people. */
            detail: string;
            /** @description Whether it is met. */
            healthy: boolean;
            /**
             * Format: int32
             * @description How long the run took, in milliseconds; `None` where none is known.
             */
            latency_ms: number | null;
            /** @description The name of the check or condition. */
            name: string;
            /** @description Whether the target was seen in this condition, or could not be seen. */
            observed: boolean;
            /** @description Why, or why not. */
            reason: components["schemas"]["EvidenceReason"];
        };
        /** @description a reason code, or a word that a condition of the application defines */
        EvidenceReason: string;
        /** @description Hosts that wait for the same. */
        ExplanationGroup: {
            /** @description What they wait for. */
            cause: components["schemas"]["Cause"];
            /** @description What clears it, in one sentence for people. */
            clears: string;
            /** @description How many hosts there are. */
            count: number;
            /** @description That, in one sentence for people. */
            detail: string;
            /**
             * Format: date-time
             * @description When the first of them can pass, or be verified, at the earliest; `null` where none can in the time
             *     that it has left.
             */
            earliest_pass_at: string | null;
            /** @description The first of them, at most 50. */
            host_ids: components["schemas"]["HostId"][];
            /** @description Who can clear it. */
            who: components["schemas"]["Who"];
        };
        /** @description The hosts of a job that wait, by what they wait for. */
        ExplanationList: {
            /** @description The largest first. */
            groups: components["schemas"]["ExplanationGroup"][];
            /** @description How many hosts wait. */
            total: number;
        };
        /** @description One changed field. A secret is never shown: its texts are `set`, `changed` or `cleared`. */
        FieldChange: {
            /** @description What it became. */
            after: string | null;
            /** @description What it was. */
            before: string | null;
            /** @description The member's name in the API's form. */
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
        /** @description The gate of one job on one host. */
        Gate: {
            /** @description The attempts, by number: the newest 200. */
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
            /**
             * @description What that zone's clocks are ahead of UTC from the gate's opening on, and where they change; empty
             *     without a zone.
             */
            utc_offsets: components["schemas"]["UtcOffset"][];
            /** @description What bounds the wait. */
            window_kind: components["schemas"]["WindowKind"];
        };
        /** @description One evaluation by a gate that ran checks. */
        GateAttempt: {
            /** @description What is known of each check at its end. */
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
             * @description When its checks were started, by the store's clock.
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
        /** @description A page of the gates of a job. */
        GateList: {
            /** @description Those of hosts that the caller may see, by the time of their opening. */
            gates: components["schemas"]["Gate"][];
            /** @description Ask with it for the next page; `null` at the end. */
            next_cursor: string | null;
        };
        /** @description Something that happened to a waiting gate from outside, for its timeline. */
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
            /** @description In the order asked, each once. */
            hosts: components["schemas"]["HostPreview"][];
        };
        /** @description Which hosts to preview. */
        GatePreviewRequest: {
            /** @description The hosts. Each is answered once. */
            host_ids: components["schemas"]["HostId"][];
            window?: components["schemas"]["Window"] | null;
        };
        /**
         * @description Where a gate stands.
         * @enum {string}
         */
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
             * @description What cannot be read of what is stored: until that is given anew, or the check is deleted, it fails and
             *     blocks its host. Empty where all can be read. The URL is shown without what may be a password then.
             */
            unreadable: components["schemas"]["FieldProblem"][];
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
        /**
         * Format: uuid
         * @description A machine that the application manages. The application makes these.
         */
        HostId: string;
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
            /**
             * @description What that zone's clocks are ahead of UTC in that window, and where they change; empty without a
             *     zone.
             */
            utc_offsets: components["schemas"]["UtcOffset"][];
            /** @description What is left of the window has no room for a second attempt. */
            window_too_short: boolean;
        };
        /**
         * @description What is known of a host, from its enabled checks.
         * @enum {string}
         */
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
             * @description When the check that was run longest ago was run; `None` where one has no result.
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
        /**
         * Format: uuid
         * @description A job of the application's that wants to touch hosts. The application makes these.
         */
        JobId: string;
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
        /**
         * @description What a gate would do now.
         * @enum {string}
         */
        Outlook: "proceed" | "wait" | "fail";
        /**
         * Format: uuid
         * @description One permission to go ahead, handed out by a gate. It can be spent once.
         */
        PassId: string;
        /**
         * @description On what ground a pass was given.
         * @enum {string}
         */
        PassKind: "healthy" | "no_checks" | "overridden" | "exempt" | "report_only";
        /** @description One run of a check in its history. */
        PastCheckResult: components["schemas"]["CheckResult"] & {
            /** @description Who ran it. */
            source: components["schemas"]["ResultSource"];
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
        /**
         * @description Why a check came out as it did. Only [`ReasonCode::Ok`] is healthy; every other fails the
         *     check and blocks the gate alike.
         *
         *     The vocabulary is closed: a new word is a minor release and stands in the changelog.
         * @enum {string}
         */
        ReasonCode: "ok" | "service_unhealthy" | "service_not_found" | "service_name_invalid" | "status" | "body_mismatch" | "body_missing" | "body_too_large" | "dns" | "resolver_failed" | "connect" | "timeout_dns" | "timeout_connect" | "timeout_head" | "timeout_body" | "tls_untrusted" | "tls_expired" | "tls_not_yet_valid" | "tls_name" | "tls_refused" | "tls_other" | "protocol" | "body_truncated" | "encoding_refused" | "redirect_refused" | "destination_refused" | "agent_error" | "agent_refused" | "agent_rate_limited" | "agent_unsupported" | "agent_bad_reply" | "secret_unreadable" | "check_unreadable" | "target_missing" | "interrupted" | "no_resources" | "internal" | "no_result" | "stale" | "clock" | "not_run_capacity" | "gate_busy" | "host_disturbed";
        /**
         * @description What became of a check.
         * @enum {string}
         */
        RecheckChange: "same" | "broke" | "mended" | "still_failing" | "new" | "gone";
        /** @description One check or condition before and after. */
        Rechecked: {
            /** @description What that makes. */
            change: components["schemas"]["RecheckChange"];
            check_id: components["schemas"]["CheckId"] | null;
            /** @description The name, as it is now where it still exists. */
            name: string;
            now: components["schemas"]["Evidence"] | null;
            was: components["schemas"]["Evidence"] | null;
        };
        /**
         * @description Who ran a check.
         * @enum {string}
         */
        ResultSource: "poll" | "gate";
        /**
         * @description What a user may do.
         * @enum {string}
         */
        Role: "admin" | "operator" | "reporter" | "system";
        /** @description What the clocks of a zone are ahead of UTC from an instant on. */
        UtcOffset: {
            /** @description What the zone is called meanwhile, for example `CET`, or `+03` where its data has no name for it. */
            abbreviation: string;
            /**
             * Format: date-time
             * @description From this instant.
             */
            from: string;
            /**
             * Format: int32
             * @description By so many seconds; negative where they are behind.
             */
            seconds: number;
        };
        /**
         * @description How a host stands since its change, against the pass on which it was changed.
         *
         *     No route of this API answers with it: an application shows it with its jobs. The document describes
         *     it for the clients of both.
         */
        Verification: {
            /**
             * Format: date-time
             * @description When the newest run of the checks started; `null` before.
             */
            checked_at: string | null;
            /** @description Each check of the host, and then those of the pass that are no more. */
            checks: components["schemas"]["VerifiedCheck"][];
            /**
             * Format: int64
             * @description It ended so many seconds after the change at the latest.
             */
            deadline_secs: number;
            /** @description Where it stands, in one line. */
            detail: string;
            /**
             * Format: date-time
             * @description When it ended; `null` while it goes on.
             */
            ended_at: string | null;
            /**
             * Format: int32
             * @description How often the checks were run.
             */
            runs: number;
            /**
             * Format: int64
             * @description For so many seconds after the change nothing counted against the host.
             */
            settle_secs: number;
            /**
             * Format: int64
             * @description So many seconds the checks had to stay healthy.
             */
            soak_secs: number;
            /**
             * Format: date-time
             * @description When the change ended, and the verification began.
             */
            started_at: string | null;
            /** @description Whether it goes on, or how it ended. */
            state: components["schemas"]["VerificationState"];
        };
        /**
         * @description What is known of a host since its change.
         * @enum {string}
         */
        VerificationState: "verifying" | "verified" | "regressed" | "unverified" | "no_checks";
        /** @description One check before and after the change. */
        VerifiedCheck: components["schemas"]["Rechecked"] & {
            /** @description Whether the verdict depends on it. */
            counted: boolean;
            /**
             * Format: date-time
             * @description The start of the first of its runs that has said since what the newest one says; `None` where it
             *     was not run.
             */
            since: string | null;
        };
        /**
         * @description Who can clear it.
         * @enum {string}
         */
        Who: "time" | "operator" | "administrator" | "other_job" | "worker";
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
            /**
             * @description What that zone's clocks are ahead of UTC in this window, and where they change; left out without a
             *     zone.
             */
            utc_offsets?: components["schemas"]["UtcOffset"][];
        };
        /**
         * @description What bounds a gate's wait.
         * @enum {string}
         */
        WindowKind: "maintenance" | "immediate";
        /**
         * @description What a gate that does not block would have done if it did (G34).
         *
         *     Made from what was known when it passed; nothing is run for it. So a check without a fresh result
         *     makes it [`Outlook::Wait`], where a blocking gate would have run that check first.
         */
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
            /** @description A problem: 401 `unauthenticated`; 500 `internal`; 503 `store_unavailable`, `events_unavailable`, `too_many_streams`. */
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
            /** @description A problem: 400 `malformed`; 401 `unauthenticated`; 404 `not_found`; 408 `body_too_slow`; 413 `body_too_large`; 415 `unsupported_media_type`; 422 `invalid`; 500 `internal`; 503 `store_unavailable`. */
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
    list_audit_records: {
        parameters: {
            query?: {
                /** @description only records of these hosts; those that the caller may not see are left out */
                host_ids?: components["schemas"]["HostId"][];
                /** @description only what the user of exactly this name did */
                actor?: string;
                /** @description only records of one of these actions */
                action?: components["schemas"]["AuditAction"][];
                /** @description only what was done, or what was refused */
                outcome?: components["schemas"]["AuditOutcome"];
                /** @description only records written at this instant or later */
                from?: string;
                /** @description only records written before this instant */
                until?: string;
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
            /** @description A problem: 401 `unauthenticated`; 403 `forbidden`; 422 `invalid`; 500 `internal`; 503 `store_unavailable`. */
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
    export_audit_records: {
        parameters: {
            query?: {
                /** @description `jsonl` (the default: a record a line) or `csv` */
                format?: string;
                /** @description only records of these hosts; those that the caller may not see are left out */
                host_ids?: components["schemas"]["HostId"][];
                /** @description only what the user of exactly this name did */
                actor?: string;
                /** @description only records of one of these actions */
                action?: components["schemas"]["AuditAction"][];
                /** @description only what was done, or what was refused */
                outcome?: components["schemas"]["AuditOutcome"];
                /** @description only records written at this instant or later */
                from?: string;
                /** @description only records written before this instant */
                until?: string;
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
                    "application/x-ndjson": string;
                    "text/csv": string;
                };
            };
            /** @description A problem: 401 `unauthenticated`; 403 `forbidden`; 422 `invalid`; 500 `internal`; 503 `store_unavailable`. */
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
            /** @description A problem: 401 `unauthenticated`; 422 `invalid`; 500 `internal`; 503 `store_unavailable`. */
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
            /** @description A problem: 401 `unauthenticated`; 404 `not_found`; 500 `internal`; 503 `store_unavailable`. */
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
            /** @description A problem: 400 `malformed`; 401 `unauthenticated`; 403 `forbidden`; 404 `not_found`; 408 `body_too_slow`; 409 `limit_reached`; 413 `body_too_large`; 415 `unsupported_media_type`; 422 `invalid`; 500 `internal`; 503 `store_unavailable`, `secrets_unavailable`. */
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
    copy_health_checks: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description the host whose checks are copied */
                host_id: components["schemas"]["HostId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CopyHealthChecksRequest"];
            };
        };
        responses: {
            /** @description what became of each copy */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CopyResultList"];
                };
            };
            /** @description A problem: 400 `malformed`; 401 `unauthenticated`; 403 `forbidden`; 404 `not_found`; 408 `body_too_slow`; 413 `body_too_large`; 415 `unsupported_media_type`; 422 `invalid`; 500 `internal`; 503 `store_unavailable`. */
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
            /** @description A problem: 400 `malformed`; 401 `unauthenticated`; 403 `forbidden`; 404 `not_found`; 408 `body_too_slow`; 413 `body_too_large`; 415 `unsupported_media_type`; 422 `invalid`; 429 `rate_limited`, `test_running`; 500 `internal`; 503 `store_unavailable`, `secrets_unavailable`. */
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
            /** @description A problem: 401 `unauthenticated`; 404 `not_found`; 500 `internal`; 503 `store_unavailable`. */
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
            /** @description A problem: 400 `malformed`; 401 `unauthenticated`; 403 `forbidden`; 404 `not_found`; 408 `body_too_slow`; 409 `password_required`, `conflict`; 412 `revision_mismatch`; 413 `body_too_large`; 415 `unsupported_media_type`; 422 `invalid`; 500 `internal`; 503 `store_unavailable`, `secrets_unavailable`. */
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
            /** @description A problem: 401 `unauthenticated`; 403 `forbidden`; 404 `not_found`; 409 `conflict`; 412 `revision_mismatch`; 500 `internal`; 503 `store_unavailable`. */
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
            /** @description A problem: 401 `unauthenticated`; 404 `not_found`; 422 `invalid`; 500 `internal`; 503 `store_unavailable`. */
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
            /** @description A problem: 400 `malformed`; 401 `unauthenticated`; 403 `forbidden`; 404 `not_found`; 408 `body_too_slow`; 409 `password_required`; 413 `body_too_large`; 415 `unsupported_media_type`; 422 `invalid`; 429 `rate_limited`, `test_running`; 500 `internal`; 503 `store_unavailable`, `secrets_unavailable`. */
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
    explain_job: {
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
            /** @description groups of hosts */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ExplanationList"];
                };
            };
            /** @description A problem: 401 `unauthenticated`; 404 `not_found`; 500 `internal`; 503 `store_unavailable`. */
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
    list_gates: {
        parameters: {
            query?: {
                /** @description at most so many */
                limit?: number;
                /** @description the `next_cursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description the job */
                job_id: components["schemas"]["JobId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description a page of its gates */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GateList"];
                };
            };
            /** @description A problem: 401 `unauthenticated`; 404 `not_found`; 422 `invalid`; 500 `internal`; 503 `store_unavailable`. */
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
            /** @description A problem: 400 `malformed`; 401 `unauthenticated`; 403 `forbidden`; 404 `not_found`; 408 `body_too_slow`; 409 `invalid_state`; 413 `body_too_large`; 415 `unsupported_media_type`; 422 `invalid`; 500 `internal`; 503 `store_unavailable`. */
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
            /** @description A problem: 401 `unauthenticated`; 403 `forbidden`; 404 `not_found`; 409 `invalid_state`; 500 `internal`; 503 `store_unavailable`. */
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
