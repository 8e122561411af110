"""The life of a release: asked, withdrawn, decided once by somebody else, and asked again."""

import pytest
from django.db import IntegrityError, transaction

from items import catalog, exemption, release, shelf
from items.models import ItemVersion, ReleaseRequest
from permissions.matrix import HouseRole
from sasvpay.kit.models import AuditEvent
from sasvpay.kit.review import NoteRequiredError
from tests.factories import (
    AT,
    ExemptionRequestFactory,
    ItemVersionFactory,
    MiniGameFactory,
    OrderFactory,
    ReleaseRequestFactory,
    UserFactory,
)
from tests.items.lives import (
    LAST,
    LATER,
    add,
    ask,
    beside,
    edit,
    events,
    everything,
    last_event,
    made,
    statuses,
    told,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def item(game, developer):
    return add(game, developer).item


@pytest.fixture
def pending(item, developer):
    return ask(item, developer)


@pytest.fixture
def exempt(game, reviewer):
    made_one = ExemptionRequestFactory(game=game)
    return exemption.approve(request_id=made_one.pk, by=reviewer, at=AT)


def approve(request, by, at=LATER, **facts):
    [outcome] = release.approve(request_ids=[request.pk], by=by, at=at, **facts)
    return outcome


def reject(request, by, note="Too loud.", at=LATER):
    [outcome] = release.reject(request_ids=[request.pk], note=note, by=by, at=at)
    return outcome


def withdraw(item, by, at=LATER):
    [outcome] = release.withdraw(game=item.game, item_ids=[item.pk], by=by, at=at)
    return outcome


def again(item, by, at=LAST):
    [outcome] = release.release_again(
        game=item.game, item_ids=[item.pk], message="Again.", by=by, at=at
    )
    return outcome


def test_request_puts_a_draft_into_the_reviewers_queue(game, item, developer):
    outcomes = release.request(
        game=game, item_ids=[item.pk], message="  Please.\n", by=developer, at=AT
    )

    assert [(each.pk, each.item_id, each.ok) for each in outcomes] == [(item.pk, "sword", True)]
    stored = ReleaseRequest.objects.get()
    assert (stored.status, stored.message, stored.requested_by, stored.requested_at) == (
        "pending",
        "Please.",
        developer,
        AT,
    )
    assert stored.digest == release.digest_of(stored.version)
    assert (stored.decided_at, stored.exemption, stored.withdrawn_by) == (None, None, None)
    assert statuses(item) == ["in_review"]
    event = last_event("release_requested")
    assert (event.object_label, event.game, event.role) == ("sword #1", game.app_id, "developer")
    assert event.facts == {
        "version": 1,
        "name": "Sword",
        "price_cents": 499,
        "image": "",
        "message": "Please.",
    }


def test_approve_puts_the_item_on_sale(item, pending, reviewer):
    assert approve(pending, reviewer, note=" Fine. ").ok

    pending.refresh_from_db()
    assert (pending.status, pending.decided_by, pending.decided_at, pending.note) == (
        "approved",
        reviewer,
        LATER,
        "Fine.",
    )
    live = item.versions.get()
    assert (live.status, live.changed_by, live.changed_at) == ("released", reviewer, LATER)
    event = last_event("release_approved")
    assert (event.actor, event.facts["note"], event.facts["price_cents"]) == (
        reviewer.email,
        "Fine.",
        499,
    )


def test_reject_keeps_the_note_and_the_item_off_sale(item, pending, reviewer):
    assert reject(pending, reviewer, note=" Too loud. ").ok

    pending.refresh_from_db()
    assert (pending.status, pending.decided_by, pending.note) == ("rejected", reviewer, "Too loud.")
    assert statuses(item) == ["rejected"]
    assert last_event("release_rejected").facts["note"] == "Too loud."


@pytest.mark.parametrize("note", ["", " \n "])
def test_a_rejection_without_a_note_changes_nothing(pending, reviewer, note):
    before = everything()

    with pytest.raises(NoteRequiredError):
        reject(pending, reviewer, note=note)

    assert everything() == before


def test_withdraw_makes_it_a_draft_again_even_by_who_asked(item, pending, developer):
    assert withdraw(item, developer).ok

    pending.refresh_from_db()
    assert (pending.status, pending.withdrawn_by, pending.decided_at, pending.decided_by) == (
        "withdrawn",
        developer,
        LATER,
        None,
    )
    assert statuses(item) == ["draft"]
    assert last_event("release_withdrawn").facts["because"] == "withdrawn"


def test_the_live_version_stays_on_sale_until_its_draft_is_approved(game, developer, reviewer):
    item = made(game, "released")
    edit(item, developer)
    request = ask(item, developer)
    assert statuses(item) == ["released", "in_review"]
    assert release.live_beside([request]) == {item.pk: item.versions.get(number=1)}

    approve(request, reviewer)

    assert statuses(item) == ["replaced", "released"]


def test_a_rejected_draft_leaves_the_live_version_on_sale(game, developer, reviewer):
    item = made(game, "released")
    edit(item, developer)

    reject(ask(item, developer), reviewer)

    assert statuses(item) == ["released", "rejected"]


def test_a_rejected_item_can_be_asked_for_again_as_it_is(item, pending, developer, reviewer):
    reject(pending, reviewer)

    second = ask(item, developer)

    assert statuses(item) == ["in_review"]
    assert [each.status for each in ReleaseRequest.objects.order_by("pk")] == [
        "rejected",
        "pending",
    ]
    assert approve(second, reviewer, at=LAST).ok


def test_orders_keep_the_version_that_they_were_paid_at(game, developer, reviewer):
    version = ItemVersionFactory(item__game=game)
    order = OrderFactory(game=game, item_version=version, product_id=version.item.item_id)
    kept = ItemVersion.objects.values("name", "price_cents", "image", "number").get()

    edit(version.item, developer)
    approve(ask(version.item, developer), reviewer)

    order.refresh_from_db()
    paid_at = ItemVersion.objects.filter(pk=order.item_version_id)
    assert paid_at.values("name", "price_cents", "image", "number").get() == kept
    assert order.item_version.status == "replaced"


@pytest.mark.parametrize("status", ["in_review", "released"])
def test_what_is_in_review_or_on_sale_cannot_be_asked_for(game, developer, status):
    item = made(game, status)
    before = everything()

    outcomes = release.request(game=game, item_ids=[item.pk], message="m", by=developer, at=AT)

    assert told(outcomes) == [False]
    assert everything() == before


@pytest.mark.parametrize("status", ["draft", "rejected", "released", "removed"])
def test_only_what_is_in_review_can_be_withdrawn(game, developer, status):
    item = made(game, status)
    before = everything()

    assert not withdraw(item, developer).ok

    assert everything() == before


def test_removed_is_released_again_as_a_copy(game, developer, reviewer):
    item = made(game, "removed")
    OrderFactory(game=game, item_version=item.versions.get())

    assert again(item, developer).ok

    assert statuses(item) == ["removed", "in_review"]
    removed, copy = item.versions.order_by("number")
    assert shelf.differences(removed, copy) == []
    assert approve(ReleaseRequest.objects.get(), reviewer, at=LAST).ok
    assert statuses(item) == ["replaced", "released"]


def test_a_withdrawn_copy_can_be_edited_without_touching_what_was_paid_for(game, developer):
    item = made(game, "removed", name="Sword")
    again(item, developer)
    withdraw(item, developer)

    edit(item, developer, name="Axe")

    assert list(item.versions.order_by("number").values_list("name", "status")) == [
        ("Sword", "removed"),
        ("Axe", "draft"),
    ]


def test_a_plain_request_also_takes_what_was_removed(game, developer):
    item = made(game, "removed")

    ask(item, developer)

    assert statuses(item) == ["removed", "in_review"]


@pytest.mark.parametrize("work", ["draft", "in_review", "rejected"])
def test_removed_with_a_draft_beside_is_not_released_again_as_it_was(game, developer, work):
    item = made(game, "removed")
    beside(item, work)
    before = everything()

    assert not again(item, developer).ok

    assert everything() == before


@pytest.mark.parametrize("status", ["draft", "in_review", "rejected", "released"])
def test_only_what_was_removed_is_released_again(game, developer, status):
    item = made(game, status)
    before = everything()

    assert not again(item, developer).ok

    assert everything() == before


@pytest.mark.parametrize("first", [approve, reject])
@pytest.mark.parametrize("second", [approve, reject])
def test_a_decided_request_is_never_decided_again(pending, reviewer, first, second):
    first(pending, reviewer)
    before = everything()

    outcome = second(pending, UserFactory(), at=LAST)

    assert (outcome.ok, "decided before" in outcome.message) == (False, True)
    assert everything() == before


@pytest.mark.parametrize("act", [approve, reject])
def test_nobody_decides_their_own_request_even_with_a_new_role(pending, developer, act):
    developer.memberships.all().delete()
    developer.house_role = HouseRole.REVIEWER
    developer.save()
    before = everything()

    outcome = act(pending, developer)

    assert (outcome.ok, "own request" in outcome.message) == (False, True)
    assert everything() == before


@pytest.mark.parametrize("facts", [{"name": "Axe"}, {"price_cents": 1}, {"image": "items/x.webp"}])
@pytest.mark.parametrize("act", [approve, reject])
def test_a_version_that_is_not_what_was_asked_for_is_not_decided(pending, reviewer, facts, act):
    """No code of ours changes it; the digest is the last word."""
    ItemVersion.objects.update(**facts)
    before = everything()

    outcome = act(pending, reviewer)

    assert (outcome.ok, "changed after" in outcome.message) == (False, True)
    assert everything() == before


def test_a_batch_reports_on_each_and_one_bad_item_stops_no_other(game, developer):
    draft, live, rejected = (made(game, status) for status in ("draft", "released", "rejected"))
    foreign = made(MiniGameFactory(), "draft")

    outcomes = release.request(
        game=game,
        item_ids=[live.pk, draft.pk, foreign.pk, rejected.pk, 0, draft.pk],
        message="m",
        by=developer,
        at=AT,
    )

    assert [(each.item_id, each.ok) for each in outcomes] == [
        (live.item_id, False),
        (draft.item_id, True),
        ("", False),
        (rejected.item_id, True),
        ("", False),
    ]
    assert all(each.message for each in outcomes)
    assert statuses(foreign) == ["draft"]
    assert events().count("release_requested") == 2


def test_a_batch_of_decisions_reports_on_each(reviewer):
    fit, other = ReleaseRequestFactory(), ReleaseRequestFactory()
    own = ReleaseRequestFactory(requested_by=reviewer)
    approve(other, UserFactory())

    outcomes = release.approve(request_ids=[own.pk, 0, fit.pk, other.pk], by=reviewer, at=LATER)

    assert [(each.pk, each.ok) for each in outcomes] == [
        (own.pk, False),
        (0, False),
        (fit.pk, True),
        (other.pk, False),
    ]
    assert statuses(own.version.item) == ["in_review"]


def test_decisions_across_teams_are_remembered_in_each_teams_chain(reviewer):
    first, second = ReleaseRequestFactory(), ReleaseRequestFactory()

    release.reject(request_ids=[first.pk, second.pk], note="No.", by=reviewer, at=LATER)

    chains = AuditEvent.objects.filter(event="release_rejected").values_list("team_id", flat=True)
    assert set(chains) == {each.version.item.game.team_id for each in (first, second)}


def test_an_empty_batch_does_nothing(game, developer):
    before = everything()

    assert release.request(game=game, item_ids=[], message="m", by=developer, at=AT) == []
    assert release.withdraw(game=game, item_ids=[], by=developer, at=AT) == []
    assert release.approve(request_ids=[], by=developer, at=AT) == []

    assert everything() == before


def test_waiting_lists_the_oldest_first_and_by_team_and_game(reviewer):
    newer = ReleaseRequestFactory(requested_at=LATER)
    older = ReleaseRequestFactory(requested_at=AT)
    approve(ReleaseRequestFactory(), reviewer)

    game = newer.version.item.game
    assert list(release.waiting()) == [older, newer]
    assert list(release.waiting(team_id=game.team_id)) == [newer]
    assert list(release.waiting(game=older.version.item.game)) == [older]


def test_with_an_exemption_items_are_released_at_once(game, item, developer, exempt):
    live = made(game, "released")
    edit(live, developer)

    outcomes = release.request(
        game=game, item_ids=[item.pk, live.pk], message="Go.", by=developer, at=LATER
    )

    assert told(outcomes) == [True, True]
    assert (statuses(item), statuses(live)) == (["released"], ["replaced", "released"])
    for request in ReleaseRequest.objects.all():
        assert (request.status, request.exemption, request.decided_by, request.decided_at) == (
            "approved",
            exempt,
            None,
            LATER,
        )
    assert events().count("release_approved") == 2
    assert "release_requested" not in events()
    event = last_event("release_approved")
    assert (event.actor, event.facts["exemption"]) == (developer.email, exempt.pk)


def test_removed_is_released_again_at_once_with_an_exemption(game, developer, exempt):
    item = made(game, "removed")

    assert again(item, developer).ok

    assert statuses(item) == ["replaced", "released"]


def test_an_exemption_is_of_one_game_and_ends_with_its_revocation(
    game, item, developer, reviewer, exempt
):
    other = made(MiniGameFactory(team=game.team), "draft")
    exemption.revoke(request_id=exempt.pk, note="Fraud.", remove_items=False, by=reviewer, at=LATER)

    ask(item, developer)
    ask(other, developer)

    assert (statuses(item), statuses(other)) == (["in_review"], ["in_review"])


def test_a_request_made_before_the_exemption_stays_with_the_reviewer(
    game, item, pending, reviewer, developer, exempt
):
    assert statuses(item) == ["in_review"]

    assert approve(pending, reviewer).ok

    pending.refresh_from_db()
    assert (pending.decided_by, pending.exemption) == (reviewer, None)


@pytest.mark.parametrize(
    "facts",
    [
        {"status": "approved", "decided_at": AT},
        {"status": "withdrawn", "decided_at": AT},
        {"status": "rejected", "decided_at": AT},
        {"status": "pending", "decided_at": AT},
        {"status": "pending", "withdrawn_by": True},
        {"status": "withdrawn", "decided_at": AT, "decided_by": True},
        {"status": "rejected", "decided_at": AT, "withdrawn_by": True},
        {"status": "approved", "decided_at": AT, "decided_by": True, "withdrawn_by": True},
        {"status": "approved", "decided_by": True},
    ],
    ids=str,
)
def test_the_database_keeps_who_decided_true(reviewer, facts):
    request = ReleaseRequestFactory()
    changes = {name: reviewer if value is True else value for name, value in facts.items()}

    with pytest.raises(IntegrityError), transaction.atomic():
        ReleaseRequest.objects.filter(pk=request.pk).update(**changes)


def test_the_database_keeps_one_pending_request_and_refuses_own_decisions():
    request = ReleaseRequestFactory()

    with pytest.raises(IntegrityError), transaction.atomic():
        ReleaseRequestFactory(version=request.version)
    with pytest.raises(IntegrityError), transaction.atomic():
        ReleaseRequest.objects.update(
            status="approved", decided_at=AT, decided_by=request.requested_by
        )


def test_a_decision_without_the_lock_is_found(pending):
    ReleaseRequest.objects.update(
        status="rejected", decided_at=AT, decided_by=UserFactory(), note="n"
    )

    with pytest.raises(RuntimeError):
        release._store([pending], ReleaseRequest.Status.APPROVED, decided_at=AT)


def test_delete_of_a_rejected_item_takes_its_requests_along(item, pending, reviewer, team_admin):
    reject(pending, reviewer)

    catalog.delete(item=item, by=team_admin, at=LAST)

    assert ReleaseRequest.objects.count() == 0
