"""How a mini game stands with payment, how it came to that, and what waits."""

from datetime import timedelta

import pytest

from permissions import enablement
from permissions.enablement import State
from tests.factories import AT, MerchantFactory, PaymentRequestFactory
from tests.permissions.payments import LAST, LATER

pytestmark = pytest.mark.django_db


def test_current_names_each_state(game, merchant, team_admin, reviewer):
    seen = [enablement.current(game)]
    first = enablement.request(game=game, message="1", by=team_admin, at=AT)
    seen.append(enablement.current(game))
    enablement.reject(request_id=first.pk, by=reviewer, at=AT, note="no")
    seen.append(enablement.current(game))
    second = enablement.request(game=game, message="2", by=team_admin, at=AT)
    enablement.approve(request_id=second.pk, by=reviewer, at=AT)
    seen.append(enablement.current(game))
    enablement.disable(request_id=second.pk, by=reviewer, at=AT, note="off")
    seen.append(enablement.current(game))

    assert [(now.state, now.can_be_requested) for now in seen] == [
        (State.NOT_REQUESTED, True),
        (State.PENDING, False),
        (State.REJECTED, True),
        (State.APPROVED, False),
        (State.DISABLED, True),
    ]
    assert [now.latest for now in seen] == [None, first, first, second, second]
    assert {now.merchant for now in seen} == {merchant}


def test_without_a_merchant_nothing_can_be_requested(game):
    now = enablement.current(game)

    assert (now.state, now.merchant, now.is_open, now.can_be_requested) == (
        State.NOT_REQUESTED,
        None,
        True,
        False,
    )


def test_history_tells_everything_newest_first(game, approved, team_admin, reviewer):
    enablement.disable(request_id=approved.pk, by=reviewer, at=LAST, note="Fraud.")
    enablement.request(game=game, message="Again.", by=team_admin, at=LAST)
    PaymentRequestFactory()

    assert [(m.state, m.actor, m.at, m.message, m.note) for m in enablement.history(game)] == [
        (State.PENDING, team_admin, LAST, "Again.", ""),
        (State.DISABLED, reviewer, LAST, "", "Fraud."),
        (State.APPROVED, reviewer, LATER, "", "Welcome."),
        (State.PENDING, team_admin, AT, "Please <b>.", ""),
    ]


def test_history_is_one_query_however_long(game, approved, reviewer, django_assert_num_queries):
    enablement.disable(request_id=approved.pk, by=reviewer, at=LAST, note="Fraud.")

    with django_assert_num_queries(1):
        assert [str(moment.actor) for moment in enablement.history(game)]


def test_waiting_lists_the_pending_ones_oldest_first(approved, django_assert_num_queries):
    newer = PaymentRequestFactory(requested_at=LATER)
    oldest = PaymentRequestFactory(requested_at=AT - timedelta(days=1))
    MerchantFactory(team=newer.game.team)

    with django_assert_num_queries(1):
        found = list(enablement.waiting())
        assert found[1].game.team.merchant.name == "Merchant"

    assert found == [oldest, newer]
    assert list(enablement.waiting(team_id=newer.game.team_id)) == [newer]
    assert list(enablement.waiting(team_id=approved.game.team_id)) == []
