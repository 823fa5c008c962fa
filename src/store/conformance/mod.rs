//! A suite that verifies a store, with one case for each sentence of the traits' contracts.
//!
//! Give [`conformance_tests!`](crate::conformance_tests) an expression that creates a [`Fixture`] over a
//! fresh, empty store. The macro generates one test for each case:
//!
//! ```ignore
//! mod my_store {
//!     healthgate::conformance_tests!(MyFixture::fresh().await);
//! }
//! ```
//!
//! A case panics if the store breaks the contract. The test crate needs tokio with its macros as a
//! dependency.

pub mod audit;
pub mod checks;
pub mod due;
pub mod epochs;
pub mod feed;
pub mod gate_leases;
pub mod gates;
pub mod groups;
pub mod host_changes;
mod make;
pub mod passes;
pub mod poll;
pub mod results;
pub mod retention;
pub mod rollouts;
pub mod secrets;
pub mod summaries;
pub mod unreadable;
pub mod verifications;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::Store;

/// A fresh store, with the controls that cases need.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Returns the store. It is empty when the case begins.
    fn store(&self) -> Arc<dyn Store>;

    /// Advances the store's time by moving its clock or by waiting. A case asks for less than a second per
    /// call.
    async fn elapse(&self, duration: Duration);

    /// Moves the store's clock ahead without the monotonic clock. Returns whether the fixture supports
    /// this.
    async fn leap(&self, _by: Duration) -> bool {
        false
    }

    /// Makes every audit record fail from now on, or succeed again.
    fn fail_audit(&self, failing: bool);

    /// Cleans up after a case that succeeded.
    async fn clean_up(&self) {}
}

/// Generates one test for each case of the suite, over fixtures that an expression creates.
#[macro_export]
macro_rules! conformance_tests {
    ($fixture:expr) => {
        $crate::conformance_tests!(@module $fixture, checks:
            insert_keeps_everything_and_starts_at_revision_one, fifty_racers_leave_exactly_the_limit,
            update_raises_the_revision_and_the_time, one_of_twenty_edits_of_a_revision_wins,
            a_check_of_another_host_is_not_found, delete_takes_results_with_it,
            checks_come_by_host_in_the_order_of_their_making, a_forgotten_host_leaves_nothing);
        $crate::conformance_tests!(@module $fixture, audit:
            a_failing_record_undoes_insert, a_failing_record_undoes_update,
            a_failing_record_undoes_delete, a_failing_record_undoes_cancel_and_override,
            a_failing_record_undoes_canary_and_rekeying, records_are_paged_newest_first,
            records_are_filtered_by_host, records_are_filtered_as_the_filter_says,
            each_change_has_its_record);
        $crate::conformance_tests!(@module $fixture, poll:
            a_new_check_is_due_at_once, a_claim_carries_all_enabled_checks_of_a_host,
            disabled_hosts_are_not_claimed, the_longest_due_come_first, racing_claims_are_disjoint,
            a_held_host_is_not_claimed, an_expired_lease_is_taken_over_with_a_higher_token,
            a_late_completion_is_refused_for_ever, a_completion_needs_the_newest_token,
            a_completion_sets_the_next_due_time, a_change_during_a_run_makes_due_at_once,
            a_release_hands_back, a_fenced_host_does_not_hold_up_the_others,
            a_repeated_completion_records_once, the_backlog_counts_what_is_due,
            lost_leases_are_counted, a_host_that_was_off_meanwhile_fences_its_old_claim);
        $crate::conformance_tests!(@module $fixture, due:
            f136_a_due_time_beyond_the_interval_is_due, f255_a_first_run_waits_for_its_slot,
            f255_a_change_during_a_run_waits_for_its_slot,
            f136_a_lease_beyond_lease_and_interval_has_ended,
            named_hosts_are_claimed_before_they_are_due, a_parked_host_is_not_due,
            f147_a_living_worker_loses_no_lease,
            an_unfinished_run_keeps_the_count_of_lost_leases,
            f162_all_workers_tell_which_hosts_are_reached);
        $crate::conformance_tests!(@module $fixture, feed:
            a_turned_status_is_told, a_gates_life_is_told, a_cancelled_gate_is_told,
            what_is_announced_is_told);
        $crate::conformance_tests!(@module $fixture, results:
            results_of_old_revisions_are_dropped, results_of_deleted_checks_are_dropped,
            results_of_disabled_checks_are_dropped, a_state_moves_only_forward,
            a_state_from_the_future_gives_way,
            healthy_results_in_a_row_are_counted, since_turns_with_the_status_alone, a_changed_check_is_unknown, a_stale_check_is_unknown,
            what_says_nothing_is_unknown, summaries_count_enabled_checks,
            history_is_paged_newest_first, pruning_keeps_the_newest_and_goes_in_batches,
            f222_pruning_waits_after_a_leap_of_the_clock, f222_adoption_and_downtime_are_pruned);
        $crate::conformance_tests!(@module $fixture, summaries:
            a_summary_follows_every_change_of_the_checks, a_summary_follows_the_results_of_a_gate,
            a_summary_ages_result_by_result, a_summary_counts_what_was_never_seen);
        $crate::conformance_tests!(@module $fixture, epochs:
            f168_an_epoch_is_begun_once, f168_results_are_ordered_by_epoch_and_time,
            f136_what_another_epoch_saw_is_unknown, f136_what_is_dated_ahead_is_unknown,
            f136_a_change_is_dated_by_the_clock_of_its_epoch,
            f136_pruning_takes_what_is_dated_far_ahead, f168_gates_keep_their_epochs);
        $crate::conformance_tests!(@module $fixture, gates:
            opening_twice_is_one_gate, a_second_gate_of_a_host_is_busy,
            the_unfinished_gate_of_a_host_is_its_holder,
            an_ended_gate_frees_its_host, a_fenced_step_writes_nothing, attempts_are_kept, an_attempt_is_interrupted_by_a_takeover,
            attempts_are_as_steps_left_them,
            a_step_records_its_results, notes_are_bounded, an_ended_gate_never_changes,
            a_gate_can_end_without_having_waited,
            an_ended_gate_has_a_next_generation, overrides_are_for_waiting_gates, an_override_is_taken_back_from_a_passed_gate,
            the_time_of_a_gate_is_kept_and_cleared);
        $crate::conformance_tests!(@module $fixture, gate_leases:
            racing_claims_of_gates_are_disjoint, an_expired_gate_is_taken_over, a_watch_extends_the_lease, an_extension_frees_what_the_worker_does_not_know, a_new_lease_brings_no_gate_of_the_old_one, a_change_is_told_until_it_was_seen, open_gates_are_claimed_first, released_gates_are_claimed_at_once);
        $crate::conformance_tests!(@module $fixture, passes:
            a_pass_is_spent_once_among_a_hundred, an_expired_pass_is_refused,
            f170_a_pass_is_refused_before_its_window_opens,
            an_unknown_or_older_pass_is_refused, a_cancellation_refuses_the_pass,
            cancelling_and_spending_have_one_winner, a_spent_pass_outlives_a_cancellation,
            an_expired_pass_is_renewed_and_a_new_one_works, a_passed_gate_is_left_alone,
            a_returned_pass_makes_its_gate_wait_at_once);
        $crate::conformance_tests!(@module $fixture, host_changes:
            an_exempt_gate_opens_beside_another_one, spending_begins_a_change_of_the_host,
            a_host_is_changed_on_one_pass_at_a_time,
            f285_a_pass_does_not_outlive_a_change_of_its_host);
        $crate::conformance_tests!(@module $fixture, verifications:
            the_end_of_a_change_begins_its_verification, a_due_verification_is_claimed_once,
            a_step_of_a_verification_is_fenced, the_next_change_ends_a_verification,
            a_verified_gate_leaves_by_age, verifications_are_as_steps_left_them);
        $crate::conformance_tests!(@module $fixture, rollouts:
            a_rollout_is_opened_once_and_stepped_in_order, racing_spendings_keep_the_limits,
            a_halted_rollout_is_resumed, an_exempt_gate_is_not_held,
            a_rollout_stays_while_it_goes_on, spendings_are_as_the_rules_admit_them);
        $crate::conformance_tests!(@module $fixture, groups:
            groups_are_replaced_as_a_whole, racing_spendings_keep_the_limits_of_groups,
            an_exempt_gate_is_held_by_its_group, unavailable_members_are_those_of_the_rules);
        $crate::conformance_tests!(@module $fixture, retention:
            ended_gates_leave_by_age, audit_records_leave_by_age,
            f222_records_stay_after_a_leap_of_the_clock);
        $crate::conformance_tests!(@module $fixture, secrets:
            the_install_id_never_changes, a_canary_is_entered_in_knowledge_of_the_others,
            sealed_checks_are_paged, a_secret_is_replaced_only_where_it_is_still_there,
            keys_in_use_are_counted);
        $crate::conformance_tests!(@module $fixture, unreadable:
            f221_an_unreadable_check_is_listed_edited_and_deleted,
            f221_an_unreadable_check_is_polled_like_any_other);
    };
    (@module $fixture:expr, $module:ident: $($case:ident),* $(,)?) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $(
                #[tokio::test]
                async fn $case() {
                    let fixture = $fixture;
                    $crate::store::conformance::$module::$case(&fixture).await;
                    $crate::store::conformance::Fixture::clean_up(&fixture).await;
                }
            )*
        }
    };
}
