"""What is promised to the superapp, to developers and to people, by its number, and what shows it.

Figures that need a machine of their own or many minutes are measured by hand: `FAULTS=full`.
"""

from typing import Final

from tests.faults.shown import Shown

_OUTAGES = "faults/test_outages.py::"
_FLOODS = "faults/test_floods.py::"

PROMISES: Final = {
    "R1": Shown(
        "Whatever arrives, the answer is the envelope",
        (
            "orders/test_bad_callbacks.py::test_the_table_is_as_long_as_was_promised",
            "orders/test_bad_callbacks.py::test_a_bad_callback_is_told_what_is_wrong_and_leaves_nothing",
            "orders/test_bad_callbacks.py::test_whatever_arrives_is_answered_with_the_envelope",
        ),
        "10,000 generated ones by hand: CALLBACK_EXAMPLES=10000.",
    ),
    "R2": Shown(
        "One order for one number",
        (
            "processes/test_money_path.py::test_a_thousand_copies_at_once_make_one_order_and_a_thousand_successes",
            "orders/test_endpoint_faults.py::test_twenty_at_once_are_one_order_and_twenty_successes",
        ),
        "Once in the suite, 20 rounds by hand. On SQLite 20 copies at once.",
    ),
    "R3": Shown(
        "Other content never overwrites",
        (
            "faults/test_web.py::test_of_two_contents_of_one_number_at_once_one_wins_all",
            "orders/test_intake_races.py::test_store_lets_one_of_two_contents_win_all",
            "orders/test_endpoint.py::test_repeats_and_conflicts_are_told_apart",
        ),
    ),
    "R4": Shown(
        '"0" means durable',
        (
            "faults/test_kills.py::test_a_web_process_killed_at_any_point_loses_and_doubles_nothing",
            f"{_OUTAGES}test_what_was_answered_outlives_processes_that_are_killed_at_any_moment",
        ),
        "Each point once in the suite, 50 times by hand.",
    ),
    "R5": Shown(
        "Fast",
        otherwise="By hand: manage.py simulate --rate 50 --count 30000, on a machine of its own.",
    ),
    "R6": Shown(
        "Redis is not needed to accept",
        (
            f"{_OUTAGES}test_redis_is_not_needed_to_accept_or_to_deliver",
            f"{_OUTAGES}test_a_redis_that_is_full_slow_or_cut_off_costs_no_callback_anything",
        ),
    ),
    "R7": Shown(
        "A database that was away",
        (
            f"{_OUTAGES}test_a_database_that_was_away_is_used_again_within_ten_seconds",
            "orders/test_endpoint_faults.py::test_database_away_is_said_in_time_and_recovers",
        ),
    ),
    "R8": Shown(
        "Nothing signed is forgotten",
        (
            "orders/test_endpoint.py::test_payload_is_kept_byte_for_byte",
            "orders/test_intake.py::test_store_keeps_a_conflict_and_the_first_order",
            "aftersales/test_refunds.py::test_a_refund_advances_and_keeps_each_event_verbatim",
            "test_retention.py::test_records_are_kept_for_thirteen_months",
            "orders/test_indexes.py::test_a_number_or_player_is_found_in_all_games_by_an_index",
        ),
        "A request id is in the logs and on its order's page, but is nothing to search by: an index "
        "of it would cost every sale.",
    ),
    "R9": Shown(
        "The order of arrival does not matter",
        (
            "aftersales/test_refunds.py::test_the_order_of_arrival_leaves_no_trace",
            "aftersales/test_refunds.py::test_many_shuffled_pairs_are_all_linked",
            "aftersales/test_races.py::test_an_order_and_its_refund_at_once_find_each_other",
        ),
    ),
    "R10": Shown(
        "A number once used stays used",
        ("test_retention.py::test_a_replay_after_the_purge_makes_no_new_order",),
    ),
    "R11": Shown(
        "Junk starves nobody",
        (
            f"{_FLOODS}test_a_flood_of_junk_delays_no_purchase",
            "orders/test_endpoint_faults.py::test_junk_above_the_limit_costs_no_statement",
        ),
    ),
    "D1": Shown(
        "Every order is delivered or visibly owed",
        (
            "orders/test_leases.py::test_release_notes_an_expired_lease_as_interrupted",
            "test_health.py::test_a_delivery_that_is_due_for_two_minutes_makes_the_dispatcher_late",
            "test_metrics.py::test_metrics_tell_what_happened",
        ),
    ),
    "D2": Shown(
        "The plan",
        (
            "orders/test_delivery.py::test_the_plan_is_fifteen_retries_in_24_hours_and_4_minutes",
            "orders/test_delivery.py::test_next_gap_stays_within_ten_percent_of_the_plan",
        ),
    ),
    "D3": Shown(
        "Exactly once to a healthy receiver",
        (
            f"{_OUTAGES}test_two_schedulers_two_workers_and_two_dispatchers_push_each_order_once",
            "orders/test_many_dispatchers.py::test_several_dispatchers_deliver_each_order_once",
        ),
        "Seconds of traffic in the suite, 10,000 orders by hand.",
    ),
    "D4": Shown(
        "The payload byte for byte, under the key of the moment",
        (
            "orders/test_envelope.py::test_build_keeps_the_payload_byte_for_byte",
            "orders/test_dispatcher.py::test_payloads_arrive_byte_for_byte",
            "orders/test_delivery.py::test_a_rotated_key_signs_from_its_moment_on",
        ),
    ),
    "D5": Shown(
        "One deadline around everything",
        (
            "kit/test_outbound.py::test_post_cuts_a_slow_server_at_the_deadline",
            "kit/test_outbound.py::test_post_cuts_a_name_server_that_is_silent",
            f"{_FLOODS}test_receivers_that_do_everything_wrong_are_cut_retried_and_cost_no_memory",
        ),
    ),
    "D6": Shown(
        "Bounded reading",
        (
            "kit/test_outbound.py::test_post_reads_no_more_than_64_kilobytes",
            "kit/test_outbound.py::test_post_does_not_decompress",
            f"{_FLOODS}test_receivers_that_do_everything_wrong_are_cut_retried_and_cost_no_memory",
        ),
    ),
    "D7": Shown(
        "One slow receiver delays nobody else",
        (
            "orders/test_dispatcher.py::test_a_hanging_receiver_does_not_delay_another_game",
            "orders/test_dispatcher.py::test_a_failing_lane_holds_few_slots",
        ),
    ),
    "D8": Shown(
        "Pausing never drops",
        (
            "orders/test_receivers.py::test_twenty_failures_in_a_row_over_ten_minutes_pause_a_url",
            "orders/test_receivers.py::test_a_thousand_orders_wait_for_a_server_that_is_away_and_none_is_lost",
            "orders/test_receivers.py::test_the_first_success_ends_the_pause_and_what_waits_follows_at_five_a_second",
            "orders/test_receivers.py::test_the_teams_administrators_get_one_letter_a_pause",
        ),
    ),
    "D9": Shown(
        "Sent again, with the same ids",
        (
            "orders/test_resending.py::test_a_thousand_go_in_one_job_with_progress",
            "orders/test_resending.py::test_an_order_is_sent_again_with_its_ids_and_the_whole_plan",
        ),
    ),
    "D10": Shown(
        "Found by number",
        (
            "orders/test_search.py::test_a_number_leads_to_its_order",
            "orders/test_indexes.py::test_a_number_or_player_is_found_in_all_games_by_an_index",
        ),
        "In the console. An interface for the developers' own servers is not built yet.",
    ),
    "D11": Shown(
        "Tried before it is switched on",
        (
            "orders/test_delivery_pages.py::test_switching_on_warns_when_no_test_notification_passed",
            "orders/test_workbench.py::test_ten_a_minute_are_the_most",
            "orders/test_workbench.py::test_a_test_url_that_may_not_be_called_any_more_is_refused",
        ),
    ),
    "D12": Shown(
        "No request to a place that is not public",
        (
            "kit/test_addresses.py::test_the_tables_hold_eighty_forms_and_more",
            "kit/test_addresses.py::test_check_url_refuses_an_inner_address_with_one_sentence",
            "kit/test_addresses.py::test_post_refuses_at_send_what_was_refused_at_save",
            "kit/test_outbound_guard.py::test_a_name_that_flips_between_outside_and_inside_is_never_asked_inside",
            "kit/test_outbound.py::test_post_does_not_follow_a_redirect",
            "kit/test_outbound.py::test_post_ignores_proxies_from_the_environment",
        ),
    ),
    "C1": Shown(
        "Every role on every route",
        (
            "permissions/test_matrix.py::test_table_equals_the_requirement_in_each_cell",
            "architecture/test_access.py::test_route_answers_as_the_matrix_says",
            "architecture/test_access.py::test_a_route_that_declares_nothing_is_refused_by_the_check",
        ),
    ),
    "C2": Shown(
        "Nothing of another team",
        (
            "architecture/test_access.py::test_route_answers_as_the_matrix_says",
            "architecture/test_access.py::test_a_person_who_may_do_nothing_here_is_told_the_same_as_for_what_does_not_exist",
            "orders/test_export.py::test_nobody_else_gets_the_file_whatever_their_role",
            "items/test_pages_item.py::test_a_picture_is_found_only_where_it_belongs",
        ),
    ),
    "C3": Shown(
        "One decision, of what was reviewed",
        (
            "items/test_races.py::test_eight_reviewers_at_once_make_one_decision",
            "permissions/test_enablement_races.py::test_eight_reviewers_at_once_make_one_decision",
            "items/test_release.py::test_nobody_decides_their_own_request_even_with_a_new_role",
            "items/test_races.py::test_an_edit_and_an_approval_at_once_release_only_what_was_reviewed",
            "items/test_release.py::test_an_exemption_is_of_one_game_and_ends_with_its_revocation",
        ),
    ),
    "C4": Shown(
        "A form sent five times at once makes one",
        ("test_double_submits.py::test_a_form_sent_five_times_at_once_makes_one_thing",),
    ),
    "C5": Shown(
        "Passwords",
        (
            "permissions/test_sign_in.py::test_ten_wrong_passwords_lock_the_account_only_whatever_the_headers_say",
            "permissions/test_sign_in.py::test_a_wrong_password_and_an_unknown_person_get_the_same_answer",
            "permissions/test_second_factor_required.py::test_what_needs_a_second_factor_changes_nothing_without_one",
            "kit/test_caching.py::test_a_limit_on_sign_ins_holds_while_redis_goes_and_comes_back_empty",
        ),
    ),
    "C6": Shown(
        "What browsers are told",
        (
            "architecture/test_access.py::test_route_answers_as_the_matrix_says",
            "architecture/test_headers.py::test_every_page_tells_browsers_what_they_may_not_do",
            "architecture/test_headers.py::test_production_tells_browsers_to_stay_with_https",
            "permissions/test_sessions.py::test_twelve_hours_end_it_however_busy_one_was",
            "permissions/test_sessions.py::test_half_an_hour_without_a_click_ends_it",
            "permissions/test_sessions.py::test_both_browsers_are_signed_out_when_role_or_membership_changes",
        ),
    ),
    "C7": Shown(
        "The audit trail",
        (
            "kit/test_audit_check.py::test_each_of_a_thousand_edits_deletions_and_swaps_is_found_where_it_was_made",
            "kit/test_audit_check.py::test_a_tail_cut_together_with_its_head_is_found_by_the_anchor",
            "kit/test_audit.py::test_postgresql_refuses_to_change_or_delete_rows",
            "architecture/test_events.py::test_every_event_is_recorded_somewhere_and_expected_by_a_test",
        ),
    ),
    "C8": Shown(
        "Secrets stay secret",
        (
            "test_canary.py::test_a_secret_comes_out_nowhere_but_where_it_must",
            "test_canary.py::test_logs_cut_what_is_or_looks_like_a_secret",
        ),
    ),
    "C9": Shown(
        "Rotation without a refusal",
        (
            "test_master_key.py::test_callbacks_are_taken_without_one_refusal_while_keys_are_rotated",
            "orders/test_endpoint.py::test_rotated_key_opens_for_a_day",
            "orders/test_credentials.py::test_a_new_key_signs_from_the_chosen_moment_and_the_old_one_until_then",
        ),
    ),
    "C10": Shown(
        "Key and certificate at the first save",
        (
            "orders/test_delivery_config.py::test_twenty_first_saves_at_once_issue_one_key_and_one_letter",
            "orders/test_credentials.py::test_the_letter_is_erased_once_the_mail_server_accepted_it",
            "kit/test_mail.py::test_a_letter_is_given_up_and_erased_within_a_day",
        ),
    ),
    "F1": Shown(
        "Hostile workbooks",
        (
            "kit/test_sheets.py::test_read_refuses_with_a_sentence",
            "kit/test_sheets.py::test_unpacked_size_is_refused_before_anything_is_unpacked",
            "kit/test_confined.py::test_what_takes_too_much_is_stopped_and_told",
        ),
    ),
    "F2": Shown(
        "Every wrong cell is named",
        (
            "items/test_workbook.py::test_a_wrong_cell_is_told_with_its_column_value_and_reason",
            "items/test_importing.py::test_wrong_rows_are_left_out_or_stop_all",
        ),
    ),
    "F3": Shown(
        "Pictures",
        (
            "items/test_images.py::test_what_is_no_picture_for_us_is_refused_with_a_clear_word",
            "items/test_images.py::test_exif_is_gone_and_the_picture_stands_upright",
            "items/test_pages_item.py::test_a_picture_is_served_as_nothing_that_could_run",
            "items/test_workbook.py::test_a_picture_placed_in_a_cell_is_its_row_s",
        ),
    ),
    "F4": Shown(
        "Exports",
        (
            "orders/test_export.py::test_no_text_is_calculated_and_control_characters_leave_a_sign",
            "orders/test_export.py::test_a_workbook_holds_numbers_as_numbers_dates_as_dates_and_numbers_of_orders_as_text",
        ),
        "Time and memory by hand: tests/benchmarks/export_orders.py.",
    ),
    "O1": Shown(
        "Deployed as it should be",
        (
            "architecture/test_nasty_input.py::test_no_query_string_is_a_fault_of_ours",
            "architecture/test_nasty_input.py::test_no_field_of_a_form_is_a_fault_of_ours_and_a_refusal_changes_nothing",
        ),
        "The gate runs check --deploy --fail-level WARNING in the production configuration; "
        "pip-audit and bandit by hand once a release.",
    ),
    "O2": Shown("Restored", otherwise="By hand, as the README describes it."),
    "O3": Shown(
        "A full disk",
        (
            "orders/test_database_faults.py::test_a_full_disk_is_said_and_orders_are_taken_again_when_there_is_room",
            "orders/test_database_faults.py::test_what_postgresql_cannot_do_now_is_said_and_good_again_by_itself",
        ),
    ),
    "O4": Shown(
        "A wrong clock",
        (
            "orders/test_leases.py::test_a_wrong_clock_of_a_process_starts_nothing_early_and_loses_nothing",
        ),
    ),
    "O5": Shown(
        "Probes and alerts",
        (
            "test_health.py::test_healthz_answers_without_a_database",
            "test_health.py::test_readyz_misses_a_part_that_was_not_seen_for_a_minute",
            "test_metrics.py::test_every_alert_watches_a_metric_that_is_there",
        ),
    ),
}
