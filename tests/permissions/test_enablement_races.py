"""Races of deciding and asking: row locks on PostgreSQL, one writer at a time on SQLite."""

from functools import partial

import pytest
from django.db import connection

from permissions import callback_keys, enablement, endable
from permissions.enablement import PaymentInForceError, PaymentPendingError
from permissions.models import CallbackKey, MiniGame, PaymentRequest
from sasvpay.kit.models import AuditEvent
from sasvpay.kit.review import AlreadyDecidedError, RequestNotInForceError
from tests.factories import AT, MerchantFactory, MiniGameFactory, PaymentRequestFactory, UserFactory
from tests.permissions.payments import LATER
from tests.threads import together

pytestmark = pytest.mark.django_db


def _enabled(game):
    return MiniGame.objects.values_list("payment_enabled", flat=True).get(pk=game.pk)


ROUNDS = 6


@pytest.mark.django_db(transaction=True)
def test_eight_reviewers_at_once_make_one_decision():
    for _ in range(ROUNDS):
        request = PaymentRequestFactory()
        reviewers = [UserFactory() for _ in range(8)]

        answers = together(
            *[
                partial(
                    enablement.approve if n % 2 else enablement.reject,
                    request_id=request.pk,
                    by=reviewer,
                    at=LATER,
                    note=f"by {n}",
                )
                for n, reviewer in enumerate(reviewers)
            ]
        )

        told = [answer for answer in answers if isinstance(answer, AlreadyDecidedError)]
        won = [n for n, answer in enumerate(answers) if isinstance(answer, PaymentRequest)]
        assert (len(won), len(told)) == (1, 7)
        request.refresh_from_db()
        approved = bool(won[0] % 2)
        assert (request.status, request.note, request.decided_by) == (
            "approved" if approved else "rejected",
            f"by {won[0]}",
            reviewers[won[0]],
        )
        assert _enabled(request.game) == approved
        assert request.game.callback_keys.count() == int(approved)
        assert AuditEvent.objects.filter(
            object_id=request.pk, object_type="PaymentRequest"
        ).values_list("event", flat=True).get() == (
            "payment_approved" if approved else "payment_rejected"
        )


@pytest.mark.django_db(transaction=True)
def test_eight_requests_at_once_make_one():
    for _ in range(ROUNDS):
        game = MiniGameFactory()
        MerchantFactory(team=game.team)
        people = [UserFactory() for _ in range(8)]

        answers = together(
            *[
                partial(enablement.request, game=game, message="Please.", by=person, at=AT)
                for person in people
            ]
        )

        assert sum(isinstance(answer, PaymentRequest) for answer in answers) == 1
        assert sum(isinstance(answer, PaymentPendingError) for answer in answers) == 7
        assert game.payment_requests.count() == 1
        assert AuditEvent.objects.filter(game=game.app_id).count() == 1


@pytest.mark.django_db(transaction=True)
def test_eight_reviewers_disable_once():
    for _ in range(ROUNDS):
        request = PaymentRequestFactory()
        enablement.approve(request_id=request.pk, by=UserFactory(), at=AT)
        people = [UserFactory() for _ in range(8)]

        answers = together(
            *[
                partial(enablement.disable, request_id=request.pk, by=person, at=LATER, note="off")
                for person in people
            ]
        )

        assert sum(isinstance(answer, PaymentRequest) for answer in answers) == 1
        assert sum(isinstance(answer, RequestNotInForceError) for answer in answers) == 7
        assert not _enabled(request.game)


@pytest.mark.django_db(transaction=True)
def test_asking_deciding_and_rotating_at_once_never_deadlock():
    for _ in range(ROUNDS):
        request = PaymentRequestFactory()
        MerchantFactory(team=request.game.team)
        callback_keys.issue(game=request.game, by=UserFactory(), at=AT)
        people = [UserFactory() for _ in range(6)]

        answers = together(
            partial(enablement.approve, request_id=request.pk, by=people[0], at=AT),
            partial(enablement.reject, request_id=request.pk, by=people[1], at=AT, note="no"),
            partial(enablement.disable, request_id=request.pk, by=people[2], at=AT, note="off"),
            partial(enablement.request, game=request.game, message="m", by=people[3], at=AT),
            partial(enablement.request, game=request.game, message="m", by=people[4], at=AT),
            partial(callback_keys.rotate, game=request.game, by=people[5], at=AT),
        )

        allowed = (
            PaymentRequest,
            CallbackKey,
            AlreadyDecidedError,
            RequestNotInForceError,
            PaymentPendingError,
            PaymentInForceError,
        )
        assert [answer for answer in answers if not isinstance(answer, allowed)] == []
        in_force = request.game.payment_requests.filter(status="approved", ended_at=None)
        assert _enabled(request.game) == in_force.exists()


def test_locks_leave_the_games_key_free_for_callbacks(pending, django_assert_num_queries):
    """An order refers to its game: its insert must not wait for a reviewer."""
    with django_assert_num_queries(1) as queries:
        endable.locked(pending.game_id)

    if connection.vendor == "postgresql":
        assert queries[0]["sql"].endswith("FOR NO KEY UPDATE")
