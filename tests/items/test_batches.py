"""Five thousand items in one action: audited, and each reported."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from items import batches, catalog, exemption, release
from items.batches import BatchTooLargeError
from items.models import Item, ItemVersion, ReleaseRequest
from sasvpay.kit.models import AuditEvent
from tests.factories import AT, ExemptionRequestFactory
from tests.items.lives import LAST, LATER, everything, made, standing, told

MANY = batches.MAX_BATCH
# More than any statement takes at once.
SOME = 1_200


NUMBERS = "with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < %s)"


def _many(count, game, by, status, *, number=1, price_cents=499):
    """Give each of many items a version, in two statements: row by row would take longest."""
    with connection.cursor() as cursor:
        at = connection.ops.adapt_datetimefield_value(AT)
        if not game.items.exists():
            cursor.execute(
                f"insert into items_item (game_id, item_id, created_at, revision) {NUMBERS}"  # noqa: S608 -- our own words
                " select %s, 'item_' || n, %s, 1 from numbers",
                [count, game.pk, at],
            )
        cursor.execute(
            "insert into items_itemversion (item_id, number, name, price_cents, status, created_at,"
            " changed_by_id, changed_at, image, thumbnail, image_digest)"
            " select id, %s, 'Sword', %s, %s, %s, %s, %s, '', '', '' from items_item",
            [number, price_cents, status, at, by.pk, at],
        )
    return list(game.items.order_by("pk").values_list("pk", flat=True))


@pytest.mark.django_db(transaction=True)
def test_five_thousand_releases_are_asked_for_and_approved(game, developer, reviewer):
    _many(MANY, game, developer, "released")
    pks = _many(MANY, game, developer, "draft", number=2, price_cents=599)

    asked = release.request(game=game, item_ids=pks, message="All.", by=developer, at=AT)
    requests = list(ReleaseRequest.objects.values_list("pk", flat=True))
    done = release.approve(request_ids=requests, by=reviewer, at=LATER)

    assert told(asked) == told(done) == [True] * MANY
    live = ItemVersion.objects.filter(item__game=game, status="released")
    assert set(live.values_list("number", "price_cents")) == {(2, 599)}
    assert live.count() == ItemVersion.objects.filter(status="replaced").count() == MANY
    assert AuditEvent.objects.filter(event="release_approved").count() == MANY


@pytest.mark.django_db(transaction=True)
def test_many_exempt_releases_are_made_and_revoked_again(game, developer, reviewer):
    exempt = ExemptionRequestFactory(game=game)
    exemption.approve(request_id=exempt.pk, by=reviewer, at=AT)
    _many(SOME, game, developer, "released")
    pks = _many(SOME, game, developer, "draft", number=2)

    done = release.request(game=game, item_ids=pks, message="All.", by=developer, at=AT)
    removed = exemption.revoke(
        request_id=exempt.pk,
        note="Fraud.",
        remove_items=True,
        by=reviewer,
        at=LATER,
    )

    assert told(done) == [True] * SOME
    assert removed == ItemVersion.objects.filter(status="removed").count() == SOME


@pytest.mark.django_db(transaction=True)
def test_many_items_are_removed_withdrawn_rejected_and_deleted(game, developer, reviewer):
    _many(SOME, game, developer, "released")
    pks = _many(SOME, game, developer, "draft", number=2)
    facts = {"game": game, "item_ids": pks, "by": developer}

    release.request(**facts, message="All.", at=AT)
    assert all(told(release.withdraw(**facts, at=AT)))
    assert all(told(catalog.remove_many(**facts, at=LATER)))
    ItemVersion.objects.exclude(status="draft").delete()
    release.request(**facts, message="All.", at=LAST)
    requests = list(ReleaseRequest.objects.filter(status="pending").values_list("pk", flat=True))
    assert all(told(release.reject(request_ids=requests, note="No.", by=reviewer, at=LAST)))
    assert all(told(catalog.delete_many(**facts, at=LAST)))

    assert ItemVersion.objects.count() == 0
    assert Item.objects.exclude(deleted_at=None).count() == SOME


@pytest.mark.django_db
@pytest.mark.parametrize(
    "act", [release.request, release.release_again, release.withdraw, catalog.remove_many,
            catalog.delete_many, release.approve, release.reject]
)  # fmt: skip
def test_more_than_the_limit_is_refused_whole(act, game, developer):
    facts = {"game": game, "item_ids": range(1, MANY + 2)}
    if act in (release.approve, release.reject):
        facts = {"request_ids": range(1, MANY + 2), "note": "n"}
    elif act in (release.request, release.release_again):
        facts["message"] = "m"
    before = everything()

    with pytest.raises(BatchTooLargeError):
        act(**facts, by=developer, at=AT)

    assert everything() == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("act", "status"),
    [
        (release.request, "draft"),
        (release.withdraw, "in_review"),
        (catalog.remove_many, "released"),
        (catalog.delete_many, "draft"),
    ],
)
def test_what_was_changed_after_the_person_looked_stays_as_it_is(act, status, game, developer):
    seen, changed = standing(game, status), standing(game, status)
    ItemVersion.objects.filter(pk=changed.pk).update(name="Other", changed_at=LATER)
    before = changed.item.versions.values().get()

    outcomes = act(
        game=game, item_ids=[seen.item_id, changed.item_id], upto=AT, by=developer, at=LAST
    )

    assert told(outcomes) == [True, False]
    assert outcomes[1].message == "It was changed after you looked."
    assert changed.item.versions.values().get() == before


@pytest.mark.django_db
def test_a_batch_costs_the_same_number_of_statements_for_one_and_for_twenty(game, developer):
    pks = [made(game, "draft").pk for _each in range(21)]

    with CaptureQueriesContext(connection) as one:
        release.request(game=game, item_ids=pks[:1], message="m", by=developer, at=AT)
    with CaptureQueriesContext(connection) as twenty:
        release.request(game=game, item_ids=pks[1:], message="m", by=developer, at=AT)

    assert len(one) == len(twenty)
