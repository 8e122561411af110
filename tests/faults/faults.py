"""The faults that are to be survived, 1 to 36: no acknowledged order lost or doubled, no 5xx but 503."""

from typing import Final

from tests.faults.shown import Shown

_KILLS = "faults/test_kills.py::test_a_web_process_killed_at_any_point_loses_and_doubles_nothing"
_DISPATCHER_KILLS = (
    "faults/test_kills.py::test_a_dispatcher_killed_on_the_way_sends_the_same_order_once_more"
)
_PROCESSES = "faults/test_outages.py::test_what_was_answered_outlives_processes_that_are_killed_at_any_moment"
_POISON = "orders/test_receivers.py::test_after_three_interrupted_attempts_in_a_row_an_order_is_parked_and_others_flow"
_REDIS_AWAY = "faults/test_outages.py::test_redis_is_not_needed_to_accept_or_to_deliver"
_REDIS_ILL = (
    "faults/test_outages.py::test_a_redis_that_is_full_slow_or_cut_off_costs_no_callback_anything"
)
_DATABASE_AWAY = (
    "faults/test_outages.py::test_a_database_that_was_away_is_used_again_within_ten_seconds"
)
_POSTGRESQL_SAYS = "orders/test_database_faults.py::test_what_postgresql_cannot_do_now_is_said_and_good_again_by_itself"
_LOCKED = (
    "orders/test_database_faults.py::test_a_lock_that_somebody_holds_is_waited_for_and_then_said"
)
_WRONG = "faults/test_floods.py::test_receivers_that_do_everything_wrong_are_cut_retried_and_cost_no_memory"
_TWO_OF_EACH = "faults/test_outages.py::test_two_schedulers_two_workers_and_two_dispatchers_push_each_order_once"

FAULTS: Final = {
    1: Shown("Web killed before the insert", (_KILLS, _PROCESSES)),
    2: Shown(
        "Web killed after the insert, before the commit",
        (_KILLS,),
        "On PostgreSQL insert and commit are one statement: there the process is killed while the "
        "server works on it.",
    ),
    3: Shown("Web killed after the commit, before the answer", (_KILLS, _PROCESSES)),
    4: Shown(
        "Web killed after the answer, before anything is enqueued",
        (_KILLS, "faults/test_outages.py::test_redis_is_not_needed_to_accept_or_to_deliver"),
        "A callback enqueues nothing: the dispatcher finds the row that was stored with the order.",
    ),
    5: Shown(
        "Web stopped by SIGTERM under load",
        ("faults/test_web.py::test_stopping_the_web_server_cuts_no_request",),
    ),
    6: Shown("Dispatcher killed within the call", (_DISPATCHER_KILLS, _PROCESSES)),
    7: Shown(
        "All workers killed",
        (
            "processes/test_money_path.py::test_nothing_is_lost_when_worker_dispatcher_and_web_are_killed_on_the_way",
            "kit/test_jobs.py::test_a_job_whose_worker_died_runs_again_and_finishes",
        ),
    ),
    8: Shown(
        "Dispatcher killed after the developer's OK, before it is noted", (_DISPATCHER_KILLS,)
    ),
    9: Shown(
        "An order that kills whoever pushes it",
        (
            _POISON,
            "orders/test_receivers.py::test_interruptions_that_are_not_in_a_row_park_nothing",
        ),
    ),
    10: Shown(
        "Redis away",
        (
            _REDIS_AWAY,
            "kit/test_caching.py::test_people_sign_in_while_redis_is_away",
            "kit/test_tasks.py::test_a_page_that_starts_a_job_does_not_wait_for_a_broker_that_is_away",
        ),
    ),
    11: Shown(
        "Redis emptied",
        (
            "kit/test_caching.py::test_a_limit_on_sign_ins_holds_while_redis_goes_and_comes_back_empty",
            "kit/test_tasks.py::test_a_job_that_lost_its_worker_is_run_again",
        ),
    ),
    12: Shown(
        "Redis full, read-only or slow",
        (
            _REDIS_ILL,
            "kit/test_caching.py::test_a_redis_that_takes_no_more_writes_is_done_without",
            "kit/test_caching.py::test_a_redis_that_hangs_costs_half_a_second_once",
        ),
        "A page that starts a job waits up to 3 s for a Redis that hangs; callbacks do not ask it.",
    ),
    13: Shown("Redis' connections cut", (_REDIS_ILL,)),
    14: Shown(
        "PostgreSQL restarted",
        (
            _DATABASE_AWAY,
            "orders/test_many_dispatchers.py::test_connections_that_are_cut_are_replaced",
            "orders/test_database_faults.py::test_a_page_says_that_it_may_be_tried_again",
        ),
    ),
    15: Shown(
        "A deadlock, a serialization failure, a long wait for a lock",
        (
            _POSTGRESQL_SAYS,
            _LOCKED,
            "orders/test_intake_races.py::test_store_never_deadlocks_two_writers_of_the_same_orders",
        ),
        "The superapp repeats what was answered 503; we do not try again ourselves.",
    ),
    16: Shown(
        "No database connection left",
        (
            "orders/test_database_faults.py::test_without_a_free_connection_it_is_said_and_nothing_piles_up",
        ),
    ),
    17: Shown("SQLite's write lock held", (_LOCKED,)),
    18: Shown(
        "Disk full",
        (
            "orders/test_database_faults.py::test_a_full_disk_is_said_and_orders_are_taken_again_when_there_is_room",
            _POSTGRESQL_SAYS,
            "kit/test_sheets.py::test_a_full_disk_is_no_fault_of_the_workbook",
        ),
        "SQLite is full in truth. PostgreSQL raises its own error by a trigger: a small disk of its "
        "own needs a mount, which the gate may not make.",
    ),
    19: Shown(
        "A receiver that hangs or drips",
        (_WRONG, "kit/test_outbound.py::test_post_cuts_a_slow_server_at_the_deadline"),
    ),
    20: Shown(
        "A receiver that floods, bombs, answers nothing or nonsense",
        (
            _WRONG,
            "kit/test_outbound.py::test_post_tells_a_broken_answer",
            "orders/test_verdicts.py::test_judge_refuses_what_is_not_json",
        ),
    ),
    21: Shown(
        "A receiver that redirects, inside or elsewhere",
        (_WRONG, "kit/test_outbound.py::test_post_does_not_follow_a_redirect"),
    ),
    22: Shown(
        "A receiver whose certificate is expired, another's or nobody's; TLS 1.0",
        (
            "kit/test_outbound_tls.py::test_a_server_that_proves_nothing_is_told_why_and_sent_nothing",
            "kit/test_outbound_tls.py::test_a_server_that_proves_its_name_gets_the_order",
        ),
    ),
    23: Shown(
        "A name that is unknown, slow, has many addresses, or is inside and outside by turns",
        (
            "kit/test_outbound.py::test_post_tells_a_closed_port_and_an_unknown_name",
            "kit/test_outbound.py::test_post_cuts_a_name_server_that_is_silent",
            "kit/test_outbound.py::test_post_finds_the_one_of_fifty_addresses_that_answers",
            "kit/test_outbound_guard.py::test_a_name_that_flips_between_outside_and_inside_is_never_asked_inside",
            "kit/test_outbound_guard.py::test_of_a_name_with_public_and_private_addresses_only_the_public_is_asked",
        ),
        "The name server is a function of ours: a real one needs the machine's own settings.",
    ),
    24: Shown("An OK that comes after the deadline", (_WRONG,)),
    25: Shown(
        "429 or 503 with a Retry-After that is small, huge or nonsense",
        (
            "orders/test_verdicts.py::test_only_a_busy_server_is_left_alone_for_as_long_as_it_asks",
            "orders/test_delivery.py::test_a_busy_server_is_given_up_to_twice_the_gap_of_the_plan",
            "orders/test_delivery.py::test_note_honours_retry_after",
        ),
    ),
    26: Shown(
        "The URL changes while orders are owed",
        ("orders/test_delivery.py::test_owed_orders_go_to_the_url_of_the_moment",),
    ),
    27: Shown(
        "The item goes, payment is disabled, a key is rotated while orders are owed",
        (
            "orders/test_delivery.py::test_what_is_owed_goes_out_as_it_was_paid_whatever_becomes_of_the_item",
            "orders/test_delivery.py::test_a_rotated_key_signs_from_its_moment_on",
        ),
    ),
    28: Shown(
        "The clock of one process is a day wrong",
        (
            "orders/test_leases.py::test_a_wrong_clock_of_a_process_starts_nothing_early_and_loses_nothing",
        ),
    ),
    29: Shown(
        "A thousand copies at once; two contents of one number at once",
        (
            "processes/test_money_path.py::test_a_thousand_copies_at_once_make_one_order_and_a_thousand_successes",
            "orders/test_intake_races.py::test_store_lets_one_of_two_contents_win_all",
        ),
    ),
    30: Shown(
        "Refunds before their order, twice, together above what was paid",
        (
            "aftersales/test_refunds.py::test_the_order_of_arrival_leaves_no_trace",
            "aftersales/test_races.py::test_ten_refunds_of_one_order_at_once_never_exceed_it",
            "aftersales/test_races.py::test_an_order_and_its_refund_at_once_find_each_other",
        ),
    ),
    31: Shown(
        "Two schedulers; one that paused for an hour; a sweep slower than its period",
        (
            _TWO_OF_EACH,
            "orders/test_rollup.py::test_sweeps_that_did_not_run_for_days_are_made_up_for",
            "orders/test_rollup.py::test_a_second_sweep_does_not_wait_for_the_first",
            "orders/test_many_dispatchers.py::test_twenty_claimers_never_take_the_same_order",
        ),
    ),
    32: Shown(
        "Two reviewers at once; a release against an edit or a revocation",
        (
            "items/test_races.py::test_eight_reviewers_at_once_make_one_decision",
            "items/test_races.py::test_an_edit_and_an_approval_at_once_release_only_what_was_reviewed",
            "items/test_races.py::test_a_revocation_during_releases_leaves_nothing_of_them_on_sale",
            "processes/test_money_path.py::test_two_reviewers_deciding_at_once_make_one_decision",
        ),
    ),
    33: Shown(
        "Five imports of one file at once; an import killed in the middle",
        (
            "items/test_importing.py::test_five_imports_of_one_file_at_once_import_it_once",
            "items/test_importing.py::test_an_import_runs_once_however_often_its_job_does",
            "items/test_importing.py::test_a_run_that_was_taken_for_dead_writes_nothing_more",
        ),
    ),
    34: Shown(
        "The mail server is down, slow, refuses",
        (
            "kit/test_mail.py::test_a_server_that_is_down_leaves_the_letter_and_the_reason",
            "kit/test_mail.py::test_a_refusing_server_is_tried_again_after_growing_gaps",
            "kit/test_mail.py::test_send_writes_one_encrypted_row_and_sends_nothing",
        ),
    ),
    35: Shown(
        "Old code beside new code",
        otherwise="There is one version until the first release. Tasks carry nothing but ids and "
        "names; a job kind that is not known fails its job and nothing else.",
    ),
    36: Shown(
        "A proxy that sends twice, or hangs up within the body",
        (
            "faults/test_web.py::test_a_doubled_request_makes_one_order",
            "faults/test_web.py::test_a_sender_that_hangs_up_within_the_body_leaves_nothing",
        ),
    ),
}
