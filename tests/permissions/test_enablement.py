"""The life of payment enablement: asked, decided once by somebody else, ended, asked again."""

import pytest

from permissions import enablement
from permissions.enablement import MerchantMissingError, PaymentInForceError, PaymentPendingError
from permissions.matrix import HouseRole
from permissions.models import CallbackKey, MiniGame, PaymentRequest
from sasvpay.kit.models import AuditEvent
from sasvpay.kit.review import (
    AlreadyDecidedError,
    NoteRequiredError,
    OwnRequestError,
    RequestNotInForceError,
)
from tests.factories import AT, MerchantFactory, MiniGameFactory, UserFactory
from tests.permissions.payments import LAST, LATER, everything

pytestmark = pytest.mark.django_db


def _events():
    return list(AuditEvent.objects.order_by("pk").values_list("event", flat=True))


def _enabled(game):
    return MiniGame.objects.values_list("payment_enabled", flat=True).get(pk=game.pk)


def test_request_waits_for_the_reviewer(game, merchant, team_admin):
    made = enablement.request(game=game, message="  Please.\n", by=team_admin, at=AT)

    stored = PaymentRequest.objects.get()
    assert stored == made
    assert (stored.game, stored.status, stored.message) == (game, "pending", "Please.")
    assert (stored.requested_by, stored.requested_at) == (team_admin, AT)
    assert not _enabled(game)
    event = AuditEvent.objects.get()
    assert (event.event, event.actor, event.game, event.facts) == (
        "payment_requested",
        team_admin.email,
        game.app_id,
        {"message": "Please."},
    )


def test_request_without_a_merchant_says_who_binds_one(game, team_admin):
    before = everything()

    with pytest.raises(MerchantMissingError) as refused:
        enablement.request(game=game, message="Please.", by=team_admin, at=AT)

    assert "platform administrator" in refused.value.message
    assert everything() == before


def test_another_teams_merchant_does_not_count(game, team_admin):
    MerchantFactory()

    with pytest.raises(MerchantMissingError):
        enablement.request(game=game, message="Please.", by=team_admin, at=AT)


def test_a_second_request_is_told_of_the_first(game, pending, team_admin):
    before = everything()

    with pytest.raises(PaymentPendingError):
        enablement.request(game=game, message="Again.", by=team_admin, at=LATER)

    assert everything() == before


def test_a_request_while_in_force_is_refused(game, approved, team_admin):
    before = everything()

    with pytest.raises(PaymentInForceError):
        enablement.request(game=game, message="Again.", by=team_admin, at=LAST)

    assert everything() == before


def test_another_game_of_the_team_may_be_requested_meanwhile(team, pending, team_admin):
    other = MiniGameFactory(team=team)

    enablement.request(game=other, message="This too.", by=team_admin, at=AT)

    assert PaymentRequest.objects.filter(status="pending").count() == 2


def test_approve_enables_payment_and_issues_the_callback_key(game, pending, reviewer):
    enablement.approve(request_id=pending.pk, by=reviewer, at=LATER, note=" Welcome. ")

    stored = PaymentRequest.objects.get()
    assert (stored.status, stored.decided_by, stored.decided_at, stored.note) == (
        "approved",
        reviewer,
        LATER,
        "Welcome.",
    )
    assert _enabled(game)
    key = CallbackKey.objects.get()
    assert (key.game, key.issued_by, key.issued_at, key.shown_at) == (game, reviewer, LATER, None)
    assert _events() == ["payment_requested", "callback_key_issued", "payment_approved"]
    facts = AuditEvent.objects.get(event="payment_approved").facts
    assert facts == {
        "before": {"status": "pending"},
        "after": {"status": "approved", "payment_enabled": True},
        "note": "Welcome.",
    }


def test_reject_keeps_the_note_and_enables_nothing(game, pending, reviewer):
    enablement.reject(request_id=pending.pk, by=reviewer, at=LATER, note=" No contract. ")

    stored = PaymentRequest.objects.get()
    assert (stored.status, stored.decided_by, stored.note) == ("rejected", reviewer, "No contract.")
    assert not _enabled(game)
    assert CallbackKey.objects.count() == 0
    assert _events() == ["payment_requested", "payment_rejected"]
    assert AuditEvent.objects.get(event="payment_rejected").facts == {
        "before": {"status": "pending"},
        "after": {"status": "rejected", "payment_enabled": False},
        "note": "No contract.",
    }


def test_disable_keeps_the_decision_and_the_callback_key(game, approved, reviewer):
    key = CallbackKey.objects.values().get()

    enablement.disable(request_id=approved.pk, by=reviewer, at=LAST, note=" Fraud. ")

    stored = PaymentRequest.objects.get()
    assert (stored.status, stored.decided_at, stored.note) == ("approved", LATER, "Welcome.")
    assert (stored.ended_by, stored.ended_at, stored.end_note) == (reviewer, LAST, "Fraud.")
    assert not _enabled(game)
    assert CallbackKey.objects.values().get() == key
    assert AuditEvent.objects.get(event="payment_disabled").facts == {
        "before": {"status": "approved"},
        "after": {"status": "disabled", "payment_enabled": False},
        "note": "Fraud.",
    }


@pytest.mark.parametrize("act", [enablement.reject, enablement.disable])
@pytest.mark.parametrize("note", ["", " \n "])
def test_a_refusal_without_a_note_changes_nothing(request, act, note, reviewer):
    subject = request.getfixturevalue("pending" if act is enablement.reject else "approved")
    before = everything()

    with pytest.raises(NoteRequiredError):
        act(request_id=subject.pk, by=reviewer, at=LAST, note=note)

    assert everything() == before


@pytest.mark.parametrize("act", [enablement.approve, enablement.reject])
def test_nobody_decides_their_own_request_even_with_a_new_role(act, pending, team_admin):
    team_admin.memberships.all().delete()
    team_admin.house_role = HouseRole.REVIEWER
    team_admin.save()
    before = everything()

    with pytest.raises(OwnRequestError):
        act(request_id=pending.pk, by=team_admin, at=LATER, note="mine")

    assert everything() == before


def test_nobody_disables_their_own_request(approved, team_admin):
    before = everything()

    with pytest.raises(OwnRequestError):
        enablement.disable(request_id=approved.pk, by=team_admin, at=LAST, note="mine")

    assert everything() == before


@pytest.mark.parametrize("first", ["approve", "reject", "disable"])
@pytest.mark.parametrize("second", ["approve", "reject"])
def test_a_decided_request_is_never_decided_again(pending, reviewer, first, second):
    steps = {"approve": ["approve"], "reject": ["reject"], "disable": ["approve", "disable"]}
    for step in steps[first]:
        getattr(enablement, step)(request_id=pending.pk, by=reviewer, at=LATER, note="first")
    before = everything()

    with pytest.raises(AlreadyDecidedError):
        getattr(enablement, second)(request_id=pending.pk, by=UserFactory(), at=LAST, note="second")

    assert everything() == before


@pytest.mark.parametrize("steps", [[], ["reject"], ["approve", "disable"]], ids=str)
def test_only_what_is_in_force_can_be_disabled(pending, reviewer, steps):
    for step in steps:
        getattr(enablement, step)(request_id=pending.pk, by=reviewer, at=LATER, note="first")
    before = everything()

    with pytest.raises(RequestNotInForceError):
        enablement.disable(request_id=pending.pk, by=reviewer, at=LAST, note="again")

    assert everything() == before


@pytest.mark.parametrize("steps", [["reject"], ["approve", "disable"]], ids=str)
def test_it_may_be_requested_again_and_keeps_its_key(game, pending, team_admin, reviewer, steps):
    for step in steps:
        getattr(enablement, step)(request_id=pending.pk, by=reviewer, at=LATER, note="first")
    keys = list(CallbackKey.objects.values())

    again = enablement.request(game=game, message="Again.", by=team_admin, at=LAST)
    enablement.approve(request_id=again.pk, by=reviewer, at=LAST)

    assert _enabled(game)
    assert CallbackKey.objects.count() == 1
    if keys:
        assert list(CallbackKey.objects.values()) == keys
        assert _events().count("callback_key_issued") == 1


def test_an_unknown_request_is_not_a_refusal_but_a_bug(reviewer):
    with pytest.raises(PaymentRequest.DoesNotExist):
        enablement.approve(request_id=1, by=reviewer, at=AT)


def test_an_approval_whose_key_cannot_be_issued_changes_nothing(pending, reviewer, settings):
    settings.MASTER_KEYS = ["broken"]
    before = everything()

    with pytest.raises(Exception, match="Fernet"):
        enablement.approve(request_id=pending.pk, by=reviewer, at=LATER)

    assert everything() == before
