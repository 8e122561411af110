"""Races over one item: row locks on PostgreSQL, one writer at a time on SQLite.

Whoever comes first is obeyed, the other is told; nothing is lost and nothing unseen is released.
"""

from functools import partial

import pytest
from django.db import connection, transaction

from items import batches, catalog, exemption, release
from items.catalog import ItemExistsError, NotDeletableError, StaleVersionError
from items.models import ExemptionRequest, ItemVersion, ReleaseRequest
from orders.models import Order
from sasvpay.kit.models import AuditEvent
from sasvpay.kit.review import AlreadyDecidedError
from tests.factories import (
    AT,
    ExemptionRequestFactory,
    ItemVersionFactory,
    MiniGameFactory,
    OrderFactory,
    ReleaseRequestFactory,
    UserFactory,
)
from tests.items.lives import LAST, LATER, add, ask, edit, made, statuses
from tests.threads import together

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 6


def _decide(request, n, by):
    act = release.approve if n % 2 else release.reject
    [outcome] = act(request_ids=[request.pk], by=by, at=LATER, note=f"by {n}")
    return outcome


def _no_bugs(answers, *refusals):
    allowed = (list, ItemVersion, ExemptionRequest, batches.Outcome, int, type(None), *refusals)
    assert [each for each in answers if not isinstance(each, allowed)] == []


def test_eight_reviewers_at_once_make_one_decision():
    for _round in range(ROUNDS):
        request = ReleaseRequestFactory()
        reviewers = [UserFactory() for _each in range(8)]

        answers = together(*[partial(_decide, request, n, by) for n, by in enumerate(reviewers)])

        _no_bugs(answers)
        [won] = [n for n, answer in enumerate(answers) if answer.ok]
        request.refresh_from_db()
        assert (request.note, request.decided_by) == (f"by {won}", reviewers[won])
        assert request.status == ("approved" if won % 2 else "rejected")
        assert statuses(request.version.item) == ["released" if won % 2 else "rejected"]
        assert AuditEvent.objects.filter(object_id=request.pk).count() == 1


@pytest.mark.parametrize("live", [False, True])
def test_an_edit_and_an_approval_at_once_release_only_what_was_reviewed(live):
    for _round in range(ROUNDS):
        item = made(MiniGameFactory(), "released" if live else "draft", name="First")
        developer, reviewer = UserFactory(), UserFactory()
        edit(item, developer, name="Reviewed")
        request = ask(item, developer)

        answers = together(
            partial(edit, item, developer, name="Unseen"),
            partial(release.approve, request_ids=[request.pk], by=reviewer, at=LATER),
        )

        _no_bugs(answers)
        [outcome] = answers[1]
        versions = dict(item.versions.values_list("status", "name"))
        assert versions["draft"] == "Unseen"
        assert versions.get("released") == ("Reviewed" if outcome.ok else "First" if live else None)
        request.refresh_from_db()
        assert request.status == ("approved" if outcome.ok else "withdrawn")


def test_an_edit_and_an_exempt_release_of_all_at_once_release_only_what_was_seen():
    for _round in range(ROUNDS):
        game, developer = MiniGameFactory(), UserFactory()
        exempt = ExemptionRequestFactory(game=game)
        exemption.approve(request_id=exempt.pk, by=UserFactory(), at=AT)
        item = made(game, "draft", name="Seen")

        answers = together(
            partial(edit, item, developer, name="Unseen"),
            partial(
                release.request, game=game, item_ids=[item.pk], upto=AT, by=developer, at=LATER
            ),
        )

        _no_bugs(answers)
        [outcome] = answers[1]
        versions = dict(item.versions.values_list("status", "name"))
        assert versions["draft"] == "Unseen"
        assert versions.get("released") == ("Seen" if outcome.ok else None)


def test_a_removal_and_an_approval_at_once_leave_nothing_on_sale():
    for _round in range(ROUNDS):
        item = made(MiniGameFactory(), "released")
        developer, reviewer, admin = UserFactory(), UserFactory(), UserFactory()
        edit(item, developer)
        request = ask(item, developer)

        answers = together(
            partial(catalog.remove_from_sale, item=item, by=admin, at=LATER),
            partial(release.approve, request_ids=[request.pk], by=reviewer, at=LATER),
        )

        _no_bugs(answers)
        [outcome] = answers[1]
        expected = ["replaced", "removed"] if outcome.ok else ["removed", "draft"]
        assert statuses(item) == expected


def test_a_deletion_and_an_approval_at_once_obey_the_first():
    for _round in range(ROUNDS):
        item = made(MiniGameFactory(), "draft")
        request = ask(item, UserFactory())

        answers = together(
            partial(catalog.delete, item=item, by=UserFactory(), at=LATER),
            partial(release.approve, request_ids=[request.pk], by=UserFactory(), at=LATER),
        )

        _no_bugs(answers, NotDeletableError)
        [outcome] = answers[1]
        assert outcome.ok == isinstance(answers[0], NotDeletableError)
        assert statuses(item) == (["released"] if outcome.ok else [])
        item.refresh_from_db()
        assert (item.deleted_at is None) == outcome.ok


def test_a_withdrawal_and_a_decision_at_once_obey_the_first():
    for _round in range(ROUNDS):
        item = made(MiniGameFactory(), "draft")
        developer = UserFactory()
        request = ask(item, developer)

        answers = together(
            partial(release.withdraw, game=item.game, item_ids=[item.pk], by=developer, at=LATER),
            partial(release.approve, request_ids=[request.pk], by=UserFactory(), at=LATER),
        )

        _no_bugs(answers)
        [withdrawn], [approved] = answers
        assert withdrawn.ok != approved.ok
        assert statuses(item) == ["released" if approved.ok else "draft"]


def test_a_revocation_during_releases_leaves_nothing_of_them_on_sale():
    for _round in range(ROUNDS):
        game = MiniGameFactory()
        developer, reviewer = UserFactory(), UserFactory()
        exempt = ExemptionRequestFactory(game=game)
        exemption.approve(request_id=exempt.pk, by=reviewer, at=AT)
        items = [made(game, "draft") for _each in range(4)]

        answers = together(
            partial(
                exemption.revoke,
                request_id=exempt.pk,
                note="Fraud.",
                remove_items=True,
                by=reviewer,
                at=LATER,
            ),
            *[
                partial(
                    release.request,
                    game=game,
                    item_ids=[item.pk],
                    message="m",
                    by=developer,
                    at=LATER,
                )
                for item in items
            ],
        )

        _no_bugs(answers)
        assert not ItemVersion.objects.filter(item__game=game, status="released").exists()
        found = [statuses(item) for item in items]
        assert found.count(["removed"]) == answers[0]
        assert found.count(["removed"]) + found.count(["in_review"]) == 4


def test_eight_edits_of_one_look_make_one_change():
    for _round in range(ROUNDS):
        item = made(MiniGameFactory(), "released")
        people = [UserFactory() for _each in range(8)]

        answers = together(
            *[
                partial(edit, item, person, name=f"by {n}", expected_version=1)
                for n, person in enumerate(people)
            ]
        )

        _no_bugs(answers, StaleVersionError)
        [won] = [n for n, answer in enumerate(answers) if isinstance(answer, ItemVersion)]
        assert item.versions.get(status="draft").name == f"by {won}"
        assert statuses(item) == ["released", "draft"]


def test_eight_additions_of_one_id_make_one_item():
    for _round in range(ROUNDS):
        game, developer = MiniGameFactory(), UserFactory()

        answers = together(*[partial(add, game, developer)] * 8)

        _no_bugs(answers, ItemExistsError)
        assert sum(isinstance(answer, ItemVersion) for answer in answers) == 1
        assert ItemVersion.objects.filter(item__game=game).count() == 1


def test_eight_requests_for_one_item_make_one():
    for _round in range(ROUNDS):
        item = made(MiniGameFactory(), "draft")

        answers = together(
            *[
                partial(
                    release.request,
                    game=item.game,
                    item_ids=[item.pk],
                    message="m",
                    by=UserFactory(),
                    at=AT,
                )
                for _each in range(8)
            ]
        )

        _no_bugs(answers)
        assert sum(outcome.ok for [outcome] in answers) == 1
        assert ReleaseRequest.objects.filter(version__item=item).count() == 1


def test_two_exemptions_are_never_in_force():
    for _round in range(ROUNDS):
        request = ExemptionRequestFactory()

        answers = together(
            *[
                partial(act, request_id=request.pk, by=UserFactory(), at=LATER, note="n")
                for act in [exemption.approve, exemption.reject] * 4
            ]
        )

        _no_bugs(answers, AlreadyDecidedError)
        assert sum(isinstance(answer, ExemptionRequest) for answer in answers) == 1


def test_batches_that_meet_never_deadlock():
    for _round in range(ROUNDS):
        game = MiniGameFactory()
        developer, reviewer = UserFactory(), UserFactory()
        live = [made(game, "released").pk for _each in range(15)]
        drafts = [made(game, "draft").pk for _each in range(15)]
        release.request(game=game, item_ids=drafts, message="m", by=developer, at=AT)
        requests = list(
            ReleaseRequest.objects.filter(version__item__game=game).values_list("pk", flat=True)
        )
        every = [*live, *drafts]

        answers = together(
            partial(release.approve, request_ids=requests, by=reviewer, at=LATER),
            partial(release.reject, request_ids=requests[::-1], by=reviewer, note="n", at=LATER),
            partial(release.withdraw, game=game, item_ids=every[::-1], by=developer, at=LATER),
            partial(catalog.remove_many, game=game, item_ids=every, by=developer, at=LATER),
            partial(catalog.delete_many, game=game, item_ids=every[::-1], by=developer, at=LATER),
            partial(release.request, game=game, item_ids=every, message="m", by=developer, at=LAST),
        )

        _no_bugs(answers)
        current = ItemVersion.objects.filter(item__game=game, status="in_review")
        pending = ReleaseRequest.objects.filter(version__item__game=game, status="pending")
        assert set(pending.values_list("version", flat=True)) == set(
            current.values_list("pk", flat=True)
        )


@pytest.mark.postgresql
def test_a_paid_order_does_not_wait_for_a_batch():
    """A callback stores an order that refers to the live version, whatever people do meanwhile."""
    version = ItemVersionFactory()
    game = version.item.game
    draft = edit(version.item, UserFactory())
    request = ask(draft.item, UserFactory())

    with transaction.atomic():
        release.approve(request_ids=[request.pk], by=UserFactory(), at=LATER)
        catalog.remove_many(game=game, item_ids=[version.item_id], by=UserFactory(), at=LAST)
        # In a thread, so by a connection of its own, that would give up after 5 seconds.
        [stored] = together(partial(OrderFactory, game=game, item_version=version))

    assert isinstance(stored, Order)


def test_locks_leave_the_key_free_for_callbacks(django_assert_num_queries):
    item = ItemVersionFactory().item

    with transaction.atomic(), django_assert_num_queries(1) as queries:
        batches.locked([item.pk])

    if connection.vendor == "postgresql":
        assert queries[0]["sql"].endswith('FOR NO KEY UPDATE OF "items_item"')
