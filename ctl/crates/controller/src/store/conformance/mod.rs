//! What every store must do, as one test per promise, in one file per trait.
//!
//! An implementation offers a [`Database`] and calls [`suite!`], which runs every test on it.

pub(super) mod events;
pub(super) mod facts;
pub(super) mod hosts;
pub(super) mod idempotency;
pub(super) mod people;
pub(super) mod reach;
pub(super) mod results;
pub(super) mod runs;
pub(super) mod schedules;
pub(super) mod search;
pub(super) mod standing;
pub(super) mod targets;
pub(super) mod tokens;
pub(super) mod trend;

use super::Store;
use std::sync::Arc;

/// The most bytes of results of one host in these tests.
pub(super) const HOST_BYTES: u64 = 32 << 20;

/// Tables of a few rows, whatever the fleet's size.
pub(in crate::store) const SMALL: [&str; 13] = [
    "clock",
    "host_counts",
    "event_chain",
    "own_roles",
    "open_events",
    "setup",
    "target_changes",
    "budgets",
    "fact_totals",
    "schedule_set",
    "marks",
    "nodes",
    "ca",
];

/// A database of one test.
pub(super) trait Database {
    /// Returns whether such a database can be had here; prints that the test is skipped if not.
    fn is_here() -> bool {
        true
    }

    /// Creates an empty database.
    async fn create() -> Self;

    /// Opens a store over the database; an earlier one has been closed.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Runs every test of the suite on a [`Database`], or those of some of its modules.
macro_rules! suite {
    ($database:ident) => {
        $crate::store::conformance::suite!(
            $database: results, schedules, hosts, standing, search, reach, tokens, events, facts,
            people, runs, targets, trend, idempotency
        );
    };
    ($database:ident: $($module:ident),+ $(,)?) => {
        $($crate::store::conformance::suite!(@$module $database);)+
    };
    (@results $database:ident) => {
        $crate::store::conformance::suite!(@tests $database results:
            a_stored_result_is_acknowledged_and_read_verbatim,
            an_event_is_stored_once_and_another_run_of_its_task_beside_it,
            a_host_beyond_its_bound_is_not_acknowledged_and_others_are,
            tasks_of_two_hosts_are_two_tasks,
            pages_follow_the_order_of_arrival,
            a_page_is_bounded_in_bytes_and_holds_at_least_one_result,
            a_watch_wakes_when_its_result_is_stored,
            closing_stores_what_was_accepted,
            results_and_sequence_numbers_survive_a_restart,
            a_result_after_the_close_is_not_acknowledged,
        );
    };
    (@schedules $database:ident) => {
        $crate::store::conformance::suite!(@tests $database schedules:
            a_set_of_schedules_changes_whole_and_keeps_its_versions,
            what_was_tried_on_a_host_is_kept_counted_and_goes_with_the_host,
            results_are_found_by_schedule_newest_first,
        );
    };
    (@hosts $database:ident) => {
        $crate::store::conformance::suite!(@tests $database hosts:
            a_token_admits_a_host_with_its_labels_in_one_step,
            the_same_token_and_key_give_the_same_host_and_count_no_use,
            fifty_hosts_race_for_a_token_of_one_use_and_one_gets_it,
            a_token_that_admits_nobody_says_why,
            a_token_cannot_take_over_an_id,
            a_host_that_needs_approval_asks_until_it_is_approved,
        );
    };
    (@standing $database:ident) => {
        $crate::store::conformance::suite!(@tests $database standing:
            a_host_that_connects_is_seen,
            a_renewal_answers_the_same_question_with_the_same_certificate,
            an_older_key_quarantines_the_host_until_it_is_settled,
            a_host_recovers_by_its_bound_key,
            a_banned_host_never_comes_back_and_a_removed_one_may,
            a_host_of_another_pki_comes_as_the_operator_wants,
            hosts_that_are_newer_than_a_restored_database_are_not_locked_out,
            an_operator_quarantines_a_host_and_lets_it_go,
            an_operators_labels_win_over_those_of_the_token,
            hosts_are_found_by_selector_and_state_in_pages,
        );
    };
    (@search $database:ident) => {
        $crate::store::conformance::suite!(@tests $database search:
            hosts_are_found_by_a_part_of_their_id_or_hostname,
            the_hosts_that_joined_last_are_found_also_by_their_token,
            keys_and_values_of_labels_that_are_in_use_are_found_by_their_beginning,
        );
    };
    (@reach $database:ident) => {
        $crate::store::conformance::suite!(@tests $database reach:
            hosts_of_several_selectors_are_those_that_one_by_one_are_judged_so,
            labels_of_some_hosts_are_those_of_no_other_host,
        );
    };
    (@tokens $database:ident) => {
        $crate::store::conformance::suite!(@tests $database tokens:
            a_token_is_stored_as_it_was_created_and_its_id_only_once,
            tokens_come_in_pages_ordered_by_id,
            a_revoked_token_bans_its_hosts_only_if_asked_to,
        );
    };
    (@events $database:ident) => {
        $crate::store::conformance::suite!(@tests $database events:
            an_event_is_there_before_its_action_and_ends_once,
            an_event_that_a_crash_left_open_ends_as_unknown,
            events_are_found_by_actor_action_and_host_in_pages,
            an_event_that_is_too_large_is_refused,
            events_are_found_by_their_time,
        );
    };
    (@facts $database:ident) => {
        $crate::store::conformance::suite!(@tests $database facts:
            hosts_share_a_document_and_each_has_its_own_log,
            a_provider_that_fails_keeps_its_last_document,
            a_whole_answer_is_kept_beside_its_document,
            an_answer_that_may_come_again_is_known_by_its_digest,
            hosts_are_found_by_the_packages_of_their_documents,
            pages_and_counts_hold_the_selected_hosts_only,
            labels_from_facts_never_take_the_place_of_others,
        );
    };
    (@people $database:ident) => {
        $crate::store::conformance::suite!(@tests $database people:
            operators_are_kept_by_name,
            the_last_who_may_manage_operators_stays,
            an_own_role_is_replaced_and_kept_while_somebody_has_it,
            an_api_token_is_good_until_it_ends_or_its_operator_does,
            a_session_ends_by_time_log_out_and_a_new_password,
            all_sessions_and_links_of_one_operator_end_together,
            a_log_in_link_works_once_in_time_and_after_a_restart,
            the_link_of_the_first_start_is_good_once,
        );
    };
    (@runs $database:ident) => {
        $crate::store::conformance::suite!(@tests $database runs:
            a_plan_is_applied_once_and_in_time,
            targets_move_and_add_up_until_the_run_ends,
            runs_are_found_by_state_operator_host_and_time_in_pages,
            the_history_is_found_by_run_host_operator_state_and_time_in_pages,
            a_run_that_is_stopped_says_why,
            budgets_are_kept_by_name,
        );
    };
    (@targets $database:ident) => {
        $crate::store::conformance::suite!(@tests $database targets:
            a_result_ends_its_target_in_the_transaction_that_stores_it,
            a_result_corrects_an_end_that_was_only_assumed,
            a_reply_is_kept_as_the_result_of_its_target,
            targets_are_found_by_state_stage_and_output_in_pages,
            changes_follow_a_cursor_and_are_published,
            a_follower_misses_nothing_while_several_runs_go_on,
        );
    };
    (@trend $database:ident) => {
        $crate::store::conformance::suite!(@tests $database trend:
            samples_are_kept_with_the_failures_between_them_and_leave_gaps,
        );
    };
    (@idempotency $database:ident) => {
        $crate::store::conformance::suite!(@tests $database idempotency:
            a_repeated_request_gets_its_first_answer_for_a_day,
            a_request_that_a_crash_interrupted_is_not_made_again,
        );
    };
    (@tests $database:ident $module:ident: $($test:ident),* $(,)?) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    use $crate::store::conformance::{self, Database as _};
                    if super::$database::is_here() {
                        conformance::$module::$test::<super::$database>().await;
                    }
                }
            )*
        }
    };
}
pub(super) use suite;
