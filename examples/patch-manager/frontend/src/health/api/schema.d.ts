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
         * Streams changes as server-sent events.
         * @description The events are `check_status` (`CheckStatusEvent`), `gate` (`GateEvent`), and `resync` (`{}`) if events
         *     were missed: reload what you display. Only events of hosts that the caller may see are sent. A comment
         *     follows 15 s of silence. Reconnect with `Last-Event-ID` to receive missed events. A reader that is too
         *     slow is disconnected.
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
         * Returns what the gates of these hosts would decide now, without running or writing anything.
         * @description Without a window, each host is judged in its own open or next window.
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
         * Lists the audit log, newest first.
         * @description Administrators see all records, and operators see those of their hosts. A page before the last may have
         *     fewer records than requested: continue with `next_cursor`.
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
        /** Returns how many checks of each of these hosts are healthy, unhealthy and unknown. */
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
        /** Lists all checks of a host with their current status. */
        get: operations["list_health_checks"];
        put?: never;
        /**
         * Creates a check.
         * @description It runs immediately, unless its author has spent the minute's budget of tests and changes. Its first run
         *     then waits for the budget's next slot.
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
        /** Returns one check of a host. */
        get: operations["read_health_check"];
        /**
         * Changes a check.
         * @description With `If-Match` the change only applies to that revision. A new origin of the URL, or newly ignored
         *     certificate errors, require the password again if one is stored. The changed check runs immediately,
         *     unless its author has spent the minute's budget of tests and changes. Its first run then waits for the
         *     budget's next slot.
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
        /** Lists the results of a check, newest first. */
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
         * Runs a check now, and returns the result without storing it.
         * @description A body changes the stored check for this run, by the rules of a change.
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
         * Explains what the hosts of a job wait for, what clears each cause, and who can clear it.
         * @description The largest group comes first. Only hosts that the caller may see are counted and named. If there are
         *     none, the job is unknown. Hosts that are being changed or have ended are in no group. Ask again on each
         *     `gate` event of the job: a worker sends one when a host waits for something else.
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
         * Lists the gates of a job with their newest attempts, override and pass, ordered by their opening.
         * @description Only gates of hosts that the caller may see are listed. If there are none, the job is unknown. A page
         *     before the last may have fewer gates than requested: continue with `next_cursor`.
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
        /** Allows named checks to fail for one job on one host, until an expiry. */
        post: operations["override_gate"];
        /** Revokes an override. Does nothing if there is none. */
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
         * @description The outcome of an attempt.
         * @enum {string}
         */
        AttemptOutcome: "running" | "finished" | "interrupted" | "unreadable";
        /**
         * @description The action of an audit record.
         * @enum {string}
         */
        AuditAction: "health_check_created" | "health_check_updated" | "health_check_deleted" | "health_check_tested" | "health_check_rekeyed" | "gate_overridden" | "gate_override_removed" | "gate_clock_cleared" | "gate_cancelled" | "rollout_resumed" | "key_registered" | "job_created" | "job_cancelled" | "window_created" | "window_updated" | "window_deleted" | "host_paused" | "host_resumed" | "token_issued" | "token_revoked" | "sign_in_failed" | "record_unreadable";
        /**
         * Format: uuid
         * @description One audit record.
         */
        AuditId: string;
        /**
         * @description Whether an action was done.
         * @enum {string}
         */
        AuditOutcome: "allowed" | "refused";
        /** @description One entry of the audit log, in the API's form. */
        AuditRecord: {
            /** @description The action. */
            action: components["schemas"]["AuditAction"];
            /** @description The name of the actor. */
            actor: string;
            /**
             * Format: date-time
             * @description The time, by the store's clock.
             */
            at: string;
            /** @description The changed fields. */
            changes: components["schemas"]["FieldChange"][];
            check_id: components["schemas"]["CheckId"] | null;
            host_id: components["schemas"]["HostId"] | null;
            /** @description The id, ordered by time. */
            id: components["schemas"]["AuditId"];
            job_id: components["schemas"]["JobId"] | null;
            /** @description Whether the action was done. */
            outcome: components["schemas"]["AuditOutcome"];
            /** @description The reason that the actor gave. */
            reason: string | null;
            /** @description The id of the request. */
            request_id: string | null;
            /** @description The actor's role at the time. */
            role: components["schemas"]["Role"];
        };
        /** @description A page of the audit log, newest first. */
        AuditRecordList: {
            /** @description The cursor of the next page. `null` on the last page. */
            next_cursor: string | null;
            /** @description The records. A page before the last may have fewer than requested: continue with `next_cursor`. */
            records: components["schemas"]["AuditRecord"][];
        };
        /** @description A check or condition that would block the gate. */
        Blocking: {
            check_id: components["schemas"]["CheckId"] | null;
            /**
             * Format: date-time
             * @description The time of the check's last run; `None` if it has never run.
             */
            checked_at: string | null;
            /** @description A sentence for people. */
            detail: string;
            /** @description The name of the check or condition. */
            name: string;
            /** @description Whether the target was seen in this condition, or could not be seen. */
            observed: boolean;
            /** @description The reason. */
            reason: components["schemas"]["EvidenceReason"];
        };
        /**
         * @description The first cause of a host's wait.
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
             * @description When the run started.
             */
            checked_at: string;
            /** @description A sentence for people. */
            detail: string;
            /** @description Whether the check passed. */
            healthy: boolean;
            /**
             * Format: int32
             * @description The duration in milliseconds.
             */
            latency_ms: number;
            /** @description Whether the run could observe the target. */
            observed: boolean;
            /** @description The reason. */
            reason: components["schemas"]["ReasonCode"];
        };
        /** @description A page of a check's history, newest first. */
        CheckResultList: {
            /** @description The cursor of the next page. `null` on the last page. */
            next_cursor: string | null;
            /** @description The results. */
            results: components["schemas"]["PastCheckResult"][];
        };
        /**
         * @description The status of a check.
         * @enum {string}
         */
        CheckStatus: "healthy" | "unhealthy" | "unknown";
        /** @description A check's status or reason has changed, or the check itself was changed. */
        CheckStatusEvent: {
            /** @description The check. */
            check_id: components["schemas"]["CheckId"];
            /**
             * Format: date-time
             * @description When the check last ran.
             */
            checked_at: string | null;
            /** @description The host. */
            host_id: components["schemas"]["HostId"];
            reason: components["schemas"]["ReasonCode"] | null;
            /** @description The new status. */
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
        /** @description Code and message in one object. */
        ErrorMember: {
            /** @description The problem's code, for programs. */
            code: string;
            /** @description What happened and what to do, for people. */
            message: string;
        };
        /** @description The evidence of a gate on one requirement: a check, or a condition that the application defines. */
        Evidence: {
            check_id: components["schemas"]["CheckId"] | null;
            /**
             * Format: date-time
             * @description The start of the run; `None` if there was none.
             */
            checked_at: string | null;
            /** @description A sentence for people. */
            detail: string;
            /** @description Whether the requirement is met. */
            healthy: boolean;
            /**
             * Format: int32
             * @description The duration of the run in milliseconds; `None` if unknown.
             */
            latency_ms: number | null;
            /** @description The name of the check or condition. */
            name: string;
            /** @description Whether the target was seen in this condition, or could not be seen. */
            observed: boolean;
            /** @description The reason. */
            reason: components["schemas"]["EvidenceReason"];
        };
        /** @description a reason code, or a word that a condition of the application defines */
        EvidenceReason: string;
        /** @description Hosts that wait for the same cause. */
        ExplanationGroup: {
            /** @description The cause of the wait. */
            cause: components["schemas"]["Cause"];
            /** @description What clears the cause, in one sentence for people. */
            clears: string;
            /** @description The number of hosts. */
            count: number;
            /** @description The cause in one sentence for people. */
            detail: string;
            /**
             * Format: date-time
             * @description The earliest instant at which one of the hosts can pass or be verified; `null` if it is too late, or unknown.
             */
            earliest_pass_at: string | null;
            /** @description The first hosts, at most 50. */
            host_ids: components["schemas"]["HostId"][];
            /** @description Who can clear the cause. */
            who: components["schemas"]["Who"];
        };
        /** @description The waiting hosts of a job, grouped by what they wait for. */
        ExplanationList: {
            /** @description The groups, largest first. */
            groups: components["schemas"]["ExplanationGroup"][];
            /** @description The number of waiting hosts. */
            total: number;
        };
        /** @description A changed field. A secret is never shown: its values are `set`, `changed` or `cleared`. */
        FieldChange: {
            /** @description The new value. */
            after: string | null;
            /** @description The old value. */
            before: string | null;
            /** @description The member's name in the API's form. */
            field: string;
        };
        /** @description An invalid field or parameter. */
        FieldProblem: {
            /** @description The violation's code, for programs. */
            code: string;
            /** @description The field's name. Empty for the body as a whole. */
            field: string;
            /** @description What to do, for people. */
            message: string;
        };
        /** @description The gate of one job on one host. */
        Gate: {
            /** @description The newest 200 attempts, ordered by number. */
            attempts: components["schemas"]["GateAttempt"][];
            /** @description Whether the job asked for its cancellation. */
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
            /** @description The current situation, for people. While the gate waits, it names the failing checks. */
            detail: string;
            end_reason: components["schemas"]["EndReason"] | null;
            /**
             * Format: date-time
             * @description When the gate ended.
             */
            ended_at: string | null;
            /** @description The newest verdict of each check and condition. */
            evidence: components["schemas"]["Evidence"][];
            /** @description Whether checks do not block the gate. */
            exempt: boolean;
            /** @description The host. */
            host_id: components["schemas"]["HostId"];
            /** @description The job. */
            job_id: components["schemas"]["JobId"];
            kind: components["schemas"]["PassKind"] | null;
            /**
             * Format: date-time
             * @description When the next attempt is due, while the gate waits.
             */
            next_attempt_at: string | null;
            /** @description External events during the wait. */
            notes: components["schemas"]["GateNote"][];
            /**
             * Format: date-time
             * @description When its window opens.
             */
            opens_at: string;
            override: components["schemas"]["GateOverride"] | null;
            pass: components["schemas"]["GatePass"] | null;
            /** @description Whether the gate only reports and does not block. */
            report_only: boolean;
            /** @description The gate's state. */
            state: components["schemas"]["GateState"];
            /** @description The IANA name of the time zone for display. `null` if the window comes from no calendar. */
            time_zone: string | null;
            /** @description The UTC offset of that zone from the gate's opening on, and its changes. Empty without a zone. */
            utc_offsets: components["schemas"]["UtcOffset"][];
            /** @description The kind of the window. */
            window_kind: components["schemas"]["WindowKind"];
        };
        /** @description An evaluation by a gate that ran checks. */
        GateAttempt: {
            /** @description The evidence of each check at its end. */
            checks: components["schemas"]["Evidence"][];
            /**
             * Format: date-time
             * @description The end of the attempt.
             */
            finished_at: string | null;
            /**
             * Format: int32
             * @description The number of the attempt, counted from 1.
             */
            number: number;
            /** @description The outcome. */
            outcome: components["schemas"]["AttemptOutcome"];
            /**
             * Format: date-time
             * @description The start of its checks, by the store's clock.
             */
            started_at: string;
        };
        /**
         * @description A gate was opened, changed its state, or has a new next attempt, or its job has progressed, for example
         *     because the patch ended. Clients that show the job reload it.
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
            /** @description The gate's state. */
            state: components["schemas"]["GateState"];
        };
        /** @description A page of a job's gates. */
        GateList: {
            /** @description The gates of hosts that the caller may see, ordered by their opening. */
            gates: components["schemas"]["Gate"][];
            /** @description The cursor of the next page. `null` on the last page. */
            next_cursor: string | null;
        };
        /** @description An external event of a waiting gate, for its timeline. */
        GateNote: {
            /**
             * Format: date-time
             * @description The time at which the gate saw it.
             */
            at: string;
            /** @description A sentence for people. */
            text: string;
        };
        /** @description The permission that named checks may fail for one job and host. */
        GateOverride: {
            /** @description The user who set it. */
            actor: string;
            /** @description The checks that may fail. */
            check_ids: components["schemas"]["CheckId"][];
            /**
             * Format: date-time
             * @description When it was set.
             */
            created_at: string;
            /**
             * Format: date-time
             * @description The expiry.
             */
            expires_at: string;
            /** @description The reason. */
            reason: string;
        };
        /** @description The permission to patch a host once. */
        GatePass: {
            /** @description The verdict of each check when the pass was given. */
            evidence: components["schemas"]["Evidence"][];
            /**
             * Format: date-time
             * @description When it was given.
             */
            granted_at: string;
            /** @description The pass's id. */
            id: components["schemas"]["PassId"];
            /** @description Why the gate passed. */
            kind: components["schemas"]["PassKind"];
            /**
             * Format: date-time
             * @description The expiry, exclusive.
             */
            valid_until: string;
            would_have: components["schemas"]["WouldHave"] | null;
        };
        /** @description The current decisions, one per host. */
        GatePreview: {
            /** @description The hosts in the requested order, each once. */
            hosts: components["schemas"]["HostPreview"][];
        };
        /** @description A request for a preview. */
        GatePreviewRequest: {
            /** @description The hosts. Duplicates are ignored. */
            host_ids: components["schemas"]["HostId"][];
            window?: components["schemas"]["Window"] | null;
        };
        /**
         * @description The state of a gate.
         * @enum {string}
         */
        GateState: "waiting" | "passed" | "spent" | "failed" | "cancelled";
        /** @description A check with its current status. */
        HealthCheck: {
            /** @description The user for basic authentication. */
            basic_auth_user: string | null;
            /** @description The type. */
            check_type: components["schemas"]["CheckType"];
            /**
             * Format: date-time
             * @description When the check was created.
             */
            created_at: string;
            /** @description Whether the check runs and counts. */
            enabled: boolean;
            /** @description The text that the body must contain. */
            expected_body: string | null;
            /** @description Whether a password is stored. */
            has_basic_auth_pass: boolean;
            /** @description The host that the check belongs to. */
            host_id: components["schemas"]["HostId"];
            /** @description The check's id. */
            id: components["schemas"]["CheckId"];
            /** @description Whether to ignore certificate errors. */
            ignore_cert_errors: boolean;
            last_result: components["schemas"]["CheckResult"] | null;
            /** @description A display name, not unique. */
            name: string;
            /**
             * Format: int64
             * @description Incremented by every change. In quotes it is the entity tag.
             */
            revision: number;
            /** @description The systemd unit to ask the agent about. */
            service_name: string | null;
            /**
             * Format: date-time
             * @description When the status last changed.
             */
            since: string;
            /** @description The current status. */
            status: components["schemas"]["CheckStatus"];
            target_host_id: components["schemas"]["HostId"] | null;
            /**
             * @description The stored fields that cannot be read. Until they are set again, or the check is deleted, the check
             *     fails and blocks its host. Empty if all fields can be read. Otherwise the URL is shown without a
             *     possible password.
             */
            unreadable: components["schemas"]["FieldProblem"][];
            /**
             * Format: date-time
             * @description When the check was last changed.
             */
            updated_at: string;
            /** @description The URL. */
            url: string | null;
        };
        /**
         * @description A change of a check. An absent field stays, `null` clears an optional one, and a new type clears the
         *     fields of the old type.
         */
        HealthCheckChange: {
            /** @description The password for basic authentication. `null` removes it, and an absent field keeps it. */
            basic_auth_pass?: string | null;
            /** @description The user for basic authentication. `null` also clears the password. */
            basic_auth_user?: string | null;
            /** @description The type. */
            check_type?: components["schemas"]["CheckType"];
            /** @description Whether the check runs and counts. */
            enabled?: boolean;
            /** @description The text that the body must contain. Empty checks only the status. */
            expected_body?: string | null;
            /** @description Whether to ignore certificate errors. Enabling it requires the password again, if one is stored. */
            ignore_cert_errors?: boolean;
            /** @description A display name, not unique. */
            name?: string;
            /** @description The systemd unit to ask the agent about. */
            service_name?: string | null;
            target_host_id?: components["schemas"]["HostId"] | null;
            /** @description The URL: absolute, http or https, without user info or fragment. */
            url?: string | null;
        };
        /** @description All checks of a host. */
        HealthCheckList: {
            /** @description The checks, ordered by creation. */
            checks: components["schemas"]["HealthCheck"][];
            /** @description The number of checks. */
            total: number;
        };
        /**
         * Format: uuid
         * @description A machine that the application manages. The application creates these ids.
         */
        HostId: string;
        /** @description The current decision for a host. */
        HostPreview: {
            /** @description The checks and conditions that are not known to be met. */
            blocking: components["schemas"]["Blocking"][];
            /**
             * Format: date-time
             * @description When that window closes.
             */
            closes_at: string;
            /** @description Whether the job would be allowed to patch the host. */
            decision: components["schemas"]["Outlook"];
            /** @description The host. */
            host_id: components["schemas"]["HostId"];
            kind: components["schemas"]["PassKind"] | null;
            /** @description Whether the window has not opened yet. If nothing blocks, this alone makes the job wait. */
            not_open: boolean;
            /**
             * Format: date-time
             * @description When the window of this preview opens.
             */
            opens_at: string;
            /** @description The IANA name of the time zone for display. `null` if the window comes from no calendar. */
            time_zone: string | null;
            /** @description The UTC offset of that zone in the window, and its changes. Empty without a zone. */
            utc_offsets: components["schemas"]["UtcOffset"][];
            /** @description Whether the rest of the window is too short for a second attempt. */
            window_too_short: boolean;
        };
        /**
         * @description The status of a host, from its enabled checks.
         * @enum {string}
         */
        HostStatus: "none" | "unhealthy" | "unknown" | "healthy";
        /** @description The number of a host's enabled checks in each status. */
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
             * @description The oldest of the checks' last runs; `None` if a check has no result.
             */
            oldest_checked_at: string | null;
            /** @description The status of the host. */
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
             * @description Checks with unknown status.
             */
            unknown: number;
        };
        /** @description The summaries of several hosts. */
        HostSummaryList: {
            /** @description The summaries in the requested order. Hosts that the caller may not see are left out. */
            hosts: components["schemas"]["HostSummary"][];
        };
        /**
         * Format: uuid
         * @description A job of the application that changes hosts. The application creates these ids.
         */
        JobId: string;
        /** @description A request for an override. */
        NewGateOverride: {
            /** @description The checks that may fail. All must be checks of this host. */
            check_ids: components["schemas"]["CheckId"][];
            /**
             * Format: date-time
             * @description The expiry: in the future, and not after the gate's end.
             */
            expires_at: string;
            /** @description The reason. */
            reason: string;
        };
        /**
         * @description A check to create, or to test without creating it. An http check needs `url` and `expected_body`, a
         *     service check needs `service_name`. Each type accepts only its own fields.
         */
        NewHealthCheck: {
            /** @description The password for basic authentication. Write-only. */
            basic_auth_pass?: string | null;
            /** @description The user for basic authentication. */
            basic_auth_user?: string | null;
            /** @description The type. */
            check_type: components["schemas"]["CheckType"];
            /** @description Whether the check runs and counts. `true` by default. */
            enabled?: boolean | null;
            /** @description The text that the body must contain. Empty checks only the status. */
            expected_body?: string | null;
            /** @description Whether to ignore certificate errors. `true` by default. */
            ignore_cert_errors?: boolean | null;
            /** @description A display name, not unique. */
            name: string;
            /** @description The systemd unit to ask the agent about. */
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
         * @description The reason for which a pass was given.
         * @enum {string}
         */
        PassKind: "healthy" | "no_checks" | "overridden" | "exempt" | "report_only";
        /** @description One run of a check in its history. */
        PastCheckResult: components["schemas"]["CheckResult"] & {
            /** @description Who ran it. */
            source: components["schemas"]["ResultSource"];
        };
        /** @description The body of an error answer (RFC 9457). */
        Problem: {
            /** @description The problem's code, for programs. */
            code: string;
            /** @description What happened and what to do, for people. */
            detail: string;
            /** @description Code and message again, for the existing front end. */
            error: components["schemas"]["ErrorMember"];
            /** @description The invalid fields or parameters, if any. */
            errors: components["schemas"]["FieldProblem"][];
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description The status as text. */
            title: string;
            /** @description Always `about:blank`. `code` identifies the problem. */
            type: string;
        };
        /**
         * @description The reason for the outcome of a check. Only [`ReasonCode::Ok`] is healthy; every other code fails
         *     the check and blocks the gate.
         *
         *     The vocabulary is closed: a new code comes with a minor release and is listed in the changelog.
         * @enum {string}
         */
        ReasonCode: "ok" | "service_unhealthy" | "service_not_found" | "service_name_invalid" | "status" | "body_mismatch" | "body_missing" | "body_too_large" | "dns" | "resolver_failed" | "connect" | "timeout_dns" | "timeout_connect" | "timeout_head" | "timeout_body" | "tls_untrusted" | "tls_expired" | "tls_not_yet_valid" | "tls_name" | "tls_refused" | "tls_other" | "protocol" | "body_truncated" | "encoding_refused" | "redirect_refused" | "destination_refused" | "agent_error" | "agent_refused" | "agent_rate_limited" | "agent_unsupported" | "agent_bad_reply" | "secret_unreadable" | "check_unreadable" | "target_missing" | "interrupted" | "no_resources" | "internal" | "no_result" | "stale" | "clock" | "not_run_capacity" | "gate_busy" | "host_disturbed";
        /**
         * @description The change of a check between two runs.
         * @enum {string}
         */
        RecheckChange: "same" | "broke" | "mended" | "still_failing" | "new" | "gone";
        /** @description A check or condition before and after the change. */
        Rechecked: {
            /** @description The comparison of the two. */
            change: components["schemas"]["RecheckChange"];
            check_id: components["schemas"]["CheckId"] | null;
            /** @description The name: the present one if the check still exists. */
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
         * @description The role of a user.
         * @enum {string}
         */
        Role: "admin" | "operator" | "reporter" | "system";
        /** @description The offset of a zone from UTC, from an instant on. */
        UtcOffset: {
            /** @description The abbreviation of the zone's name, for example `CET`, or `+03` if the data has none. */
            abbreviation: string;
            /**
             * Format: date-time
             * @description The instant from which the offset is valid.
             */
            from: string;
            /**
             * Format: int32
             * @description The offset in seconds, negative if the zone is behind UTC.
             */
            seconds: number;
        };
        /**
         * @description The comparison of a host after its change with the pass that allowed the change.
         *
         *     No route of this API returns it: an application shows it with its jobs. The document describes it for
         *     the clients of both.
         */
        Verification: {
            /**
             * Format: date-time
             * @description When the newest run of the checks started. `null` before the first run.
             */
            checked_at: string | null;
            /** @description Each check of the host, followed by the pass's checks that no longer exist. */
            checks: components["schemas"]["VerifiedCheck"][];
            /**
             * Format: int64
             * @description The maximum number of seconds from the change to the verdict.
             */
            deadline_secs: number;
            /** @description The current situation in one line. */
            detail: string;
            /**
             * Format: date-time
             * @description When it ended. `null` while it is running.
             */
            ended_at: string | null;
            /**
             * Format: int32
             * @description The number of runs of the checks.
             */
            runs: number;
            /**
             * Format: int64
             * @description The number of seconds after the change in which failures did not count.
             */
            settle_secs: number;
            /**
             * Format: int64
             * @description The number of seconds for which the checks had to stay healthy.
             */
            soak_secs: number;
            /**
             * Format: date-time
             * @description When the change ended and the verification began.
             */
            started_at: string | null;
            /** @description Whether it is running, or how it ended. */
            state: components["schemas"]["VerificationState"];
        };
        /**
         * @description The state of a host's verification.
         * @enum {string}
         */
        VerificationState: "verifying" | "verified" | "regressed" | "unverified" | "no_checks";
        /** @description One check before and after the change. */
        VerifiedCheck: components["schemas"]["Rechecked"] & {
            /** @description Whether the verdict depends on it. */
            counted: boolean;
            /**
             * Format: date-time
             * @description The start of the first of its consecutive runs with the newest outcome; `None` if it has not run.
             */
            since: string | null;
        };
        /**
         * @description Who can clear the cause of a wait.
         * @enum {string}
         */
        Who: "time" | "operator" | "administrator" | "other_job" | "worker";
        /** @description A window from `opens_at` (inclusive) to `closes_at` (exclusive), at most 7 days long. */
        Window: {
            /**
             * Format: date-time
             * @description The end, exclusive.
             */
            closes_at: string;
            /**
             * Format: date-time
             * @description The start, inclusive.
             */
            opens_at: string;
            /** @description The time zone for display, if the window comes from a calendar. It does not change the instants. */
            readonly time_zone?: string | null;
            /** @description The UTC offset of that zone in this window, and its changes. Left out without a zone. */
            utc_offsets?: components["schemas"]["UtcOffset"][];
        };
        /**
         * @description What limits a gate's wait.
         * @enum {string}
         */
        WindowKind: "maintenance" | "immediate";
        /**
         * @description What a non-blocking gate would have done if it had blocked (G34).
         *
         *     It is derived from the evidence at the pass, without running checks. So a check without a fresh result
         *     gives [`Outlook::Wait`], although a blocking gate would have run that check first.
         */
        WouldHave: {
            /** @description The decision. */
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
            /** @description the decision for each host */
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
                /** @description only records of these hosts; hosts that the caller may not see are left out */
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
                /** @description the maximum number of records */
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
                /** @description 1 to 500 hosts; hosts that the caller may not see are left out */
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
            /** @description the result */
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
                /** @description the revision that the change is based on */
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
            /** @description the changed check */
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
                /** @description the revision to delete */
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
            /** @description the check is deleted */
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
                /** @description the maximum number of results */
                limit?: number;
                /** @description the `next_cursor` of the previous page */
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
            /** @description the result */
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
                /** @description the maximum number of gates */
                limit?: number;
                /** @description the `next_cursor` of the previous page */
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
            /** @description there is no override */
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
