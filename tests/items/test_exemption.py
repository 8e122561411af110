"""The life of an exemption: asked, decided once by somebody else, revoked, asked again."""

import pytest
from django.db import IntegrityError, transaction

from items import catalog, exemption, release
from items.exemption import ExemptionInForceError, ExemptionPendingError, State
from items.models import ExemptionRequest
from permissions.matrix import HouseRole
from sasvpay.kit.review import (
    AlreadyDecidedError,
    NoteRequiredError,
    OwnRequestError,
    RequestNotInForceError,
)
from tests.factories import AT, ExemptionRequestFactory, MiniGameFactory, UserFactory
from tests.items.lives import (
    LAST,
    LATER,
    add,
    ask,
    edit,
    events,
    everything,
    last_event,
    made,
    statuses,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def pending(game, team_admin):
    return exemption.request(game=game, message="Please.", by=team_admin, at=AT)


@pytest.fixture
def approved(pending, reviewer):
    return exemption.approve(request_id=pending.pk, by=reviewer, at=LATER, note="Welcome.")


def revoke(request, by, *, note="Fraud.", remove_items=False):
    return exemption.revoke(
        request_id=request.pk, note=note, remove_items=remove_items, by=by, at=LAST
    )


def test_request_waits_for_the_reviewer(game, team_admin):
    made_one = exemption.request(game=game, message="  Please.\n", by=team_admin, at=AT)

    stored = ExemptionRequest.objects.get()
    assert stored == made_one
    assert (stored.game, stored.status, stored.message) == (game, "pending", "Please.")
    assert exemption.in_force(game) is None
    assert exemption.current(game).state == State.PENDING
    assert not exemption.current(game).is_open
    assert last_event("exemption_requested").facts == {"message": "Please."}


def test_a_game_that_never_asked_can_ask(game):
    current = exemption.current(game)

    assert (current.state, current.latest, current.is_open) == (State.NOT_REQUESTED, None, True)
    assert exemption.history(game) == []


def test_approve_is_in_force_for_this_game_only(game, pending, reviewer):
    exemption.approve(request_id=pending.pk, by=reviewer, at=LATER, note=" Welcome. ")

    stored = ExemptionRequest.objects.get()
    assert (stored.status, stored.decided_by, stored.decided_at, stored.note) == (
        "approved",
        reviewer,
        LATER,
        "Welcome.",
    )
    assert exemption.in_force(game) == stored
    assert exemption.in_force(MiniGameFactory(team=game.team)) is None
    assert last_event("exemption_approved").facts == {
        "before": {"status": "pending"},
        "after": {"status": "approved"},
        "note": "Welcome.",
    }


def test_reject_keeps_the_note(game, pending, reviewer):
    exemption.reject(request_id=pending.pk, by=reviewer, at=LATER, note=" No. ")

    assert ExemptionRequest.objects.get().note == "No."
    assert exemption.in_force(game) is None
    assert exemption.current(game).is_open
    assert last_event("exemption_rejected").facts["after"] == {"status": "rejected"}


def test_a_second_request_is_told_of_the_first(game, pending, team_admin):
    before = everything()

    with pytest.raises(ExemptionPendingError):
        exemption.request(game=game, message="Again.", by=team_admin, at=LATER)

    assert everything() == before


def test_a_request_while_in_force_is_refused(game, approved, team_admin):
    before = everything()

    with pytest.raises(ExemptionInForceError):
        exemption.request(game=game, message="Again.", by=team_admin, at=LAST)

    assert everything() == before


def test_revoke_ends_it_and_leaves_items_on_sale(game, developer, approved, reviewer):
    item = add(game, developer).item
    ask(item, developer)

    assert revoke(approved, reviewer, note=" Fraud. ") == 0

    stored = ExemptionRequest.objects.get()
    assert (stored.status, stored.note) == ("approved", "Welcome.")
    assert (stored.ended_by, stored.ended_at, stored.end_note) == (reviewer, LAST, "Fraud.")
    assert exemption.in_force(game) is None
    assert exemption.current(game).state == State.REVOKED
    assert statuses(item) == ["released"]
    assert last_event("exemption_revoked").facts == {
        "before": {"status": "approved"},
        "after": {"status": "revoked"},
        "note": "Fraud.",
        "removed": 0,
    }


def test_revoke_takes_off_sale_exactly_what_was_released_under_it(
    game, developer, reviewer, team_admin, pending
):
    reviewed = add(game, developer, item_id="reviewed").item
    release.approve(request_ids=[ask(reviewed, developer).pk], by=reviewer, at=AT)
    exemption.approve(request_id=pending.pk, by=reviewer, at=AT)
    under = add(game, developer, item_id="under").item
    ask(under, developer)
    with_draft = add(game, developer, item_id="with_draft").item
    ask(with_draft, developer)
    edit(with_draft, developer)
    removed = add(game, developer, item_id="removed").item
    ask(removed, developer)
    catalog.remove_from_sale(item=removed, by=team_admin, at=LATER)
    assert exemption.released_under(pending).count() == 2

    assert revoke(pending, reviewer, remove_items=True) == 2

    assert [statuses(each) for each in (reviewed, under, with_draft, removed)] == [
        ["released"],
        ["removed"],
        ["removed", "draft"],
        ["removed"],
    ]
    assert events()[-3:] == ["item_removed", "item_removed", "exemption_revoked"]
    assert last_event("item_removed").facts["because"] == "exemption revoked"
    assert last_event("exemption_revoked").facts["removed"] == 2


def test_revoke_leaves_what_was_reviewed_after_the_exempt_release(
    game, developer, reviewer, pending
):
    """The item was released under it once, but what is on sale now was looked at."""
    item = add(game, developer).item
    edit(item, developer, name="Reviewed")
    first = ask(item, developer)
    exemption.approve(request_id=pending.pk, by=reviewer, at=AT)
    other = made(game, "draft")
    ask(other, developer)
    release.approve(request_ids=[first.pk], by=reviewer, at=LATER)

    assert revoke(pending, reviewer, remove_items=True) == 1

    assert (statuses(item), statuses(other)) == (["released"], ["removed"])


def test_an_earlier_exemptions_items_are_not_of_the_next(game, developer, reviewer, approved):
    old = add(game, developer, item_id="old").item
    ask(old, developer)
    revoke(approved, reviewer)
    second = exemption.request(game=game, message="Again.", by=developer, at=LAST)
    exemption.approve(request_id=second.pk, by=reviewer, at=LAST)

    assert revoke(second, reviewer, remove_items=True) == 0

    assert statuses(old) == ["released"]


@pytest.mark.parametrize("act", ["reject", "revoke"])
@pytest.mark.parametrize("note", ["", " \n "])
def test_a_refusal_without_a_note_changes_nothing(request, act, note, reviewer):
    subject = request.getfixturevalue("pending" if act == "reject" else "approved")
    facts = {"remove_items": True} if act == "revoke" else {}
    before = everything()

    with pytest.raises(NoteRequiredError):
        getattr(exemption, act)(request_id=subject.pk, note=note, by=reviewer, at=LAST, **facts)

    assert everything() == before


@pytest.mark.parametrize("act", [exemption.approve, exemption.reject])
def test_nobody_decides_their_own_request_even_with_a_new_role(act, pending, team_admin):
    team_admin.memberships.all().delete()
    team_admin.house_role = HouseRole.REVIEWER
    team_admin.save()
    before = everything()

    with pytest.raises(OwnRequestError):
        act(request_id=pending.pk, by=team_admin, at=LATER, note="mine")

    assert everything() == before


@pytest.mark.parametrize("first", [["approve"], ["reject"], ["approve", "revoke"]], ids=str)
@pytest.mark.parametrize("second", ["approve", "reject"])
def test_a_decided_request_is_never_decided_again(pending, reviewer, first, second):
    for step in first:
        if step == "revoke":
            revoke(pending, reviewer)
        else:
            getattr(exemption, step)(request_id=pending.pk, by=reviewer, at=LATER, note="first")
    before = everything()

    with pytest.raises(AlreadyDecidedError):
        getattr(exemption, second)(request_id=pending.pk, by=UserFactory(), at=LAST, note="second")

    assert everything() == before


@pytest.mark.parametrize("steps", [[], ["reject"], ["approve", "revoke"]], ids=str)
def test_only_what_is_in_force_can_be_revoked(pending, reviewer, steps):
    for step in steps:
        if step == "revoke":
            revoke(pending, reviewer)
        else:
            getattr(exemption, step)(request_id=pending.pk, by=reviewer, at=LATER, note="first")
    before = everything()

    with pytest.raises(RequestNotInForceError):
        revoke(pending, reviewer, remove_items=True)

    assert everything() == before


def test_history_tells_everything_newest_first(game, approved, team_admin, reviewer):
    revoke(approved, reviewer)
    again = exemption.request(game=game, message="Again.", by=team_admin, at=LAST)
    exemption.reject(request_id=again.pk, by=reviewer, at=LAST, note="No.")

    moments = exemption.history(game)

    assert [(each.state, each.actor, each.message or each.note) for each in moments] == [
        (State.REJECTED, reviewer, "No."),
        (State.PENDING, team_admin, "Again."),
        (State.REVOKED, reviewer, "Fraud."),
        (State.APPROVED, reviewer, "Welcome."),
        (State.PENDING, team_admin, "Please."),
    ]
    assert [each.tone for each in moments] == ["danger", "info", "warning", "success", "info"]


def test_waiting_lists_the_oldest_first_and_by_team(pending):
    older = ExemptionRequestFactory(requested_at=AT.replace(year=2025))

    assert list(exemption.waiting()) == [older, pending]
    assert list(exemption.waiting(team_id=older.game.team_id)) == [older]


@pytest.mark.parametrize("status", ["pending", "approved"])
def test_the_database_keeps_one_pending_and_one_in_force(game, status):
    decided = {} if status == "pending" else {"decided_at": AT, "decided_by": UserFactory()}
    ExemptionRequestFactory(game=game, status=status, **decided)

    with pytest.raises(IntegrityError), transaction.atomic():
        ExemptionRequestFactory(game=game, status=status, **decided)
