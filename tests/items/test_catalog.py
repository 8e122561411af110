"""Add, edit, discard, take off sale, delete: what was on sale never changes."""

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction

from items import catalog, images, release, shelf
from items.catalog import (
    ItemExistsError,
    ItemGoneError,
    NoDraftError,
    NotDeletableError,
    NothingChangedError,
    NotOnSaleError,
    StaleVersionError,
)
from items.models import Item, ItemVersion, ReleaseRequest
from items.rules import InvalidItemError
from tests.factories import AT, ItemVersionFactory, MiniGameFactory, OrderFactory
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
from tests.items.pictures import encoded

pytestmark = pytest.mark.django_db


def _files():
    """Return the names of the stored pictures."""
    if not default_storage.exists(images.FOLDER):
        return set()
    return {f"{images.FOLDER}/{name}" for name in default_storage.listdir(images.FOLDER)[1]}


def test_add_makes_an_item_with_a_draft(game, developer):
    draft = add(game, developer, name="  Sword ")

    stored = ItemVersion.objects.get()
    assert stored == draft
    assert (stored.item.game, stored.item.item_id, stored.item.revision) == (game, "sword", 1)
    assert (stored.number, stored.name, stored.price_cents, stored.status) == (
        1,
        "Sword",
        499,
        "draft",
    )
    assert (stored.created_at, stored.changed_by, stored.changed_at) == (AT, developer, AT)
    event = last_event("item_added")
    assert (event.actor, event.game, event.object_label) == (developer.email, game.app_id, "sword")
    assert event.facts == {
        "after": {"version": 1, "name": "Sword", "price_cents": 499, "image": ""}
    }


def test_add_stores_the_picture_and_its_thumbnail(game, developer):
    upload = SimpleUploadedFile("sword.png", encoded())

    draft = add(game, developer, image=upload)

    assert _files() == {draft.image.name, draft.thumbnail.name}
    assert draft.image_digest == images.digest_of(encoded())


@pytest.mark.parametrize(
    "item_id", ["", "a b", "ä", "a.b", "x" * 65, "a\n", "\uff10\uff11", "../a", "a\x00"]
)
def test_an_id_of_other_characters_is_refused(game, developer, item_id):
    before = everything()

    with pytest.raises(InvalidItemError) as refused:
        add(game, developer, item_id=item_id)

    assert list(refused.value.problems) == ["item_id"]
    assert everything() == before


@pytest.mark.parametrize("item_id", ["a", "A-1_b", "0", "x" * 64])
def test_an_id_of_the_right_characters_is_taken(game, developer, item_id):
    assert add(game, developer, item_id=item_id).item.item_id == item_id


@pytest.mark.parametrize(
    "name",
    ["", "   ", "x" * 65, "a\x00b", "a\nb", "\u200b", "\u200b \u200d", "a\u202eb", "\ud800", "\u2028"],
)  # fmt: skip
def test_a_name_that_cannot_be_shown_is_refused(game, developer, name):
    before = everything()

    with pytest.raises(InvalidItemError) as refused:
        add(game, developer, name=name)

    assert list(refused.value.problems) == ["name"]
    assert everything() == before


@pytest.mark.parametrize("name", ["x", "剑", "👩‍🚀", "e\u0301pée", "<b>&", "x" * 64])
def test_a_name_in_any_writing_is_taken(game, developer, name):
    assert add(game, developer, name=name).name in (name, "épée")


@pytest.mark.parametrize("price_cents", [0, -1, 10**9 + 1])
def test_a_price_out_of_bounds_is_refused(game, developer, price_cents):
    before = everything()

    with pytest.raises(InvalidItemError) as refused:
        add(game, developer, price_cents=price_cents)

    assert list(refused.value.problems) == ["price_cents"]
    assert everything() == before


def test_all_that_is_wrong_is_said_at_once(game, developer):
    with pytest.raises(InvalidItemError) as refused:
        add(game, developer, item_id="a b", name="", price_cents=0)

    assert list(refused.value.problems) == ["item_id", "name", "price_cents"]


def test_an_id_is_used_once_in_a_game_and_again_in_another(game, developer):
    add(game, developer)
    before, files = everything(), _files()

    with pytest.raises(ItemExistsError):
        add(game, developer, image=encoded())

    assert everything() == before
    assert _files() == files
    assert add(MiniGameFactory(), developer).item.item_id == "sword"


def test_edit_changes_a_draft_in_place(game, developer, senior_developer):
    item = add(game, developer).item

    draft = edit(item, senior_developer)

    assert statuses(item) == ["draft"]
    stored = ItemVersion.objects.get()
    assert (stored, stored.name, stored.price_cents) == (draft, "Long sword", 599)
    assert (stored.changed_by, stored.changed_at, stored.created_at) == (
        senior_developer,
        LATER,
        AT,
    )
    assert Item.objects.get().revision == draft.item.revision == 2
    assert last_event("item_edited").facts == {
        "before": {"version": 1, "name": "Sword", "price_cents": 499, "image": ""},
        "after": {"version": 1, "name": "Long sword", "price_cents": 599, "image": ""},
    }


@pytest.mark.parametrize("status", ["released", "removed"])
def test_edit_of_what_was_on_sale_makes_a_draft_beside_it(game, developer, status):
    item = made(game, status)
    kept = item.versions.values().get()

    draft = edit(item, developer)

    assert statuses(item) == [status, "draft"]
    assert item.versions.values().get(number=1) == kept
    assert (draft.number, draft.name, draft.created_at) == (2, "Long sword", LATER)
    standing = shelf.standing(item)
    assert standing.shelf
    assert shelf.differences(standing.shelf, draft) == ["name", "price_cents"]
    assert (standing.live is None) == (status == "removed")


def test_a_second_edit_changes_the_draft_beside(game, developer):
    item = made(game, "released")
    edit(item, developer)

    edit(item, developer, name="Longest sword")

    assert statuses(item) == ["released", "draft"]
    assert item.versions.get(number=2).name == "Longest sword"


def test_edit_of_what_was_rejected_makes_it_a_draft_again(game, developer):
    item = made(game, "rejected")

    edit(item, developer)

    assert statuses(item) == ["draft"]


def test_edit_during_review_withdraws_the_request(game, developer, reviewer):
    item = add(game, developer).item
    request = ask(item, developer)

    edit(item, developer)

    request.refresh_from_db()
    assert (request.status, request.withdrawn_by, request.decided_at) == (
        "withdrawn",
        developer,
        LATER,
    )
    assert request.decided_by is None
    assert statuses(item) == ["draft"]
    assert last_event("release_withdrawn").facts["because"] == "edited"
    before = everything()
    [outcome] = release.approve(request_ids=[request.pk], by=reviewer, at=LAST)
    assert (outcome.ok, "Withdrawn" in outcome.message) == (False, True)
    assert everything() == before


@pytest.mark.parametrize("status", ["draft", "in_review", "released"])
def test_an_edit_of_an_older_look_is_refused(game, developer, status):
    item = add(game, developer).item
    edit(item, developer)
    if status == "in_review":
        ask(item, developer)
    elif status == "released":
        ItemVersion.objects.update(status="released")
    before, files = everything(), _files()

    with pytest.raises(StaleVersionError):
        edit(item, developer, name="Mine", image=encoded(), expected_version=1)

    assert everything() == before
    assert _files() == files


def test_an_edit_that_changes_nothing_says_so(game, developer):
    item = add(game, developer, image=encoded()).item
    request = ask(item, developer)
    before, files = everything(), _files()

    with pytest.raises(NothingChangedError):
        edit(item, developer, name="Sword", price_cents=499, image=encoded())

    assert everything() == before
    assert _files() == files
    assert request.status == "pending"


@pytest.mark.parametrize("facts", [{"name": ""}, {"price_cents": 0}])
def test_an_edit_with_a_wrong_field_changes_nothing(game, developer, facts):
    item = add(game, developer).item
    before = everything()

    with pytest.raises(InvalidItemError):
        edit(item, developer, **facts)

    assert everything() == before


def test_a_refused_picture_changes_nothing(game, developer):
    item = add(game, developer).item
    before = everything()

    with pytest.raises(images.ImageError):
        edit(item, developer, image=b"<svg xmlns='http://www.w3.org/2000/svg'/>")

    assert everything() == before


def test_an_edit_without_a_picture_keeps_the_one_there(game, developer):
    first = add(game, developer, image=encoded())

    edit(first.item, developer)

    stored = ItemVersion.objects.get()
    assert (stored.image, stored.thumbnail, stored.image_digest) == (
        first.image,
        first.thumbnail,
        first.image_digest,
    )


@pytest.mark.django_db(transaction=True)
def test_a_drafts_old_picture_is_deleted_when_it_is_replaced(game, developer):
    first = add(game, developer, image=encoded())

    edit(first.item, developer, image=encoded(colour="blue"))

    stored = ItemVersion.objects.get()
    assert stored.image != first.image
    assert _files() == {stored.image.name, stored.thumbnail.name}


@pytest.mark.django_db(transaction=True)
def test_a_picture_that_another_version_shows_stays(game, developer):
    first = add(game, developer, image=encoded())
    ItemVersion.objects.update(status="released")
    beside_it = edit(first.item, developer)
    assert beside_it.image == first.image

    catalog.discard_draft(item=first.item, by=developer, at=LAST)

    assert _files() == {first.image.name, first.thumbnail.name}


def test_discard_drops_the_draft_beside_what_is_on_sale(game, developer):
    item = made(game, "released")
    edit(item, developer)

    catalog.discard_draft(item=item, by=developer, at=LAST)

    assert statuses(item) == ["released"]
    assert Item.objects.get().revision == 3
    assert last_event("draft_discarded").facts == {
        "before": {"version": 2, "name": "Long sword", "price_cents": 599, "image": ""}
    }


def test_discard_during_review_withdraws_the_request_first(game, developer, reviewer):
    item = made(game, "released")
    edit(item, developer)
    request = ask(item, developer)

    catalog.discard_draft(item=item, by=developer, at=LAST)

    assert statuses(item) == ["released"]
    assert events()[-2:] == ["release_withdrawn", "draft_discarded"]
    [outcome] = release.approve(request_ids=[request.pk], by=reviewer, at=LAST)
    assert (outcome.ok, outcome.item_id) == (False, "")


@pytest.mark.parametrize("status", ["draft", "rejected", "released", "removed"])
def test_there_is_nothing_to_discard_beside_a_single_version(game, developer, status):
    item = made(game, status)
    before = everything()

    with pytest.raises(NoDraftError):
        catalog.discard_draft(item=item, by=developer, at=LAST)

    assert everything() == before


def test_remove_takes_an_item_off_sale_and_keeps_its_history(game, team_admin):
    item = made(game, "released")

    catalog.remove_from_sale(item=item, by=team_admin, at=LATER)

    stored = item.versions.get()
    assert (stored.status, stored.changed_by, stored.changed_at) == ("removed", team_admin, LATER)
    event = last_event("item_removed")
    assert (event.object_label, event.facts["version"]) == (item.item_id, 1)


def test_remove_during_review_withdraws_the_draft(game, team_admin, developer, reviewer):
    """Approving the draft would put back on sale what somebody has just taken off."""
    item = made(game, "released")
    edit(item, developer)
    request = ask(item, developer)

    catalog.remove_from_sale(item=item, by=team_admin, at=LATER)

    assert statuses(item) == ["removed", "draft"]
    assert told(release.approve(request_ids=[request.pk], by=reviewer, at=LAST)) == [False]
    assert statuses(item) == ["removed", "draft"]
    assert last_event("release_withdrawn").facts["because"] == "removed"


@pytest.mark.parametrize("status", ["draft", "in_review", "rejected", "removed"])
def test_only_what_is_on_sale_can_be_removed(game, team_admin, status):
    item = made(game, status)
    before = everything()

    with pytest.raises(NotOnSaleError):
        catalog.remove_from_sale(item=item, by=team_admin, at=LATER)

    assert everything() == before


def test_remove_many_reports_on_each(game, team_admin):
    on_sale, draft = made(game, "released"), made(game, "draft")
    foreign = made(MiniGameFactory(), "released")

    outcomes = catalog.remove_many(
        game=game,
        item_ids=[draft.pk, on_sale.pk, foreign.pk, 0, on_sale.pk],
        by=team_admin,
        at=LATER,
    )

    assert [(each.pk, each.item_id, each.ok) for each in outcomes] == [
        (draft.pk, draft.item_id, False),
        (on_sale.pk, on_sale.item_id, True),
        (foreign.pk, "", False),
        (0, "", False),
    ]
    assert [statuses(each) for each in (on_sale, draft, foreign)] == [
        ["removed"],
        ["draft"],
        ["released"],
    ]


@pytest.mark.parametrize("status", ["draft", "rejected"])
@pytest.mark.django_db(transaction=True)
def test_delete_takes_an_item_away_but_not_its_id(game, team_admin, developer, status):
    item = add(game, developer, image=encoded()).item
    ItemVersion.objects.update(status=status)

    catalog.delete(item=item, by=team_admin, at=LATER)

    item.refresh_from_db()
    assert (item.deleted_at, item.versions.count()) == (LATER, 0)
    assert catalog.items_of(game).count() == 0
    assert _files() == set()
    event = last_event("item_deleted")
    assert (event.object_label, event.facts["before"]["name"]) == ("sword", "Sword")
    before = everything()
    with pytest.raises(ItemExistsError, match="never used again"):
        add(game, developer)
    assert everything() == before


def test_delete_during_review_withdraws_and_the_reviewer_is_told(
    game, team_admin, developer, reviewer
):
    item = add(game, developer).item
    request = ask(item, developer)

    catalog.delete(item=item, by=team_admin, at=LATER)

    assert events()[-2:] == ["release_withdrawn", "item_deleted"]
    assert ReleaseRequest.objects.count() == 0
    [outcome] = release.approve(request_ids=[request.pk], by=reviewer, at=LAST)
    assert (outcome.ok, "deleted" in outcome.message) == (False, True)


@pytest.mark.parametrize("status", ["released", "removed", "replaced"])
def test_what_was_ever_on_sale_is_not_deleted(game, team_admin, status):
    item = made(game, status)
    before = everything()

    with pytest.raises(NotDeletableError, match="released before"):
        catalog.delete(item=item, by=team_admin, at=LATER)

    assert everything() == before


def test_what_was_ever_on_sale_is_not_deleted_for_a_draft_beside_it(game, team_admin):
    item = made(game, "released")
    beside(item, "draft")
    before = everything()

    with pytest.raises(NotDeletableError):
        catalog.delete(item=item, by=team_admin, at=LATER)

    assert everything() == before


def test_an_item_with_orders_is_not_deleted_even_if_it_never_was_on_sale(game, team_admin):
    item = made(game, "draft")
    OrderFactory(game=game, product_id=item.item_id)
    before = everything()

    with pytest.raises(NotDeletableError, match="orders"):
        catalog.delete(item=item, by=team_admin, at=LATER)

    assert everything() == before


def test_another_games_orders_do_not_keep_an_item(game, team_admin):
    item = made(game, "draft")
    OrderFactory(product_id=item.item_id)

    catalog.delete(item=item, by=team_admin, at=LATER)

    assert item.versions.count() == 0


def test_a_version_that_was_paid_for_cannot_be_deleted_at_all(game):
    version = ItemVersionFactory(item__game=game)
    OrderFactory(game=game, item_version=version)

    with pytest.raises(IntegrityError), transaction.atomic():
        ItemVersion.objects.filter(pk=version.pk).delete()


def test_delete_many_reports_on_each(game, team_admin):
    draft, live, paid = made(game, "draft"), made(game, "released"), made(game, "draft")
    OrderFactory(game=game, product_id=paid.item_id)
    foreign = made(MiniGameFactory(), "draft")

    outcomes = catalog.delete_many(
        game=game, item_ids=[draft.pk, live.pk, paid.pk, foreign.pk], by=team_admin, at=LATER
    )

    assert told(outcomes) == [True, False, False, False]
    assert set(catalog.items_of(game)) == {live, paid}
    assert [events().count(each) for each in ("item_deleted", "item_removed")] == [1, 0]


def test_a_deleted_item_can_no_longer_be_acted_upon(game, developer):
    item = add(game, developer).item
    catalog.delete(item=item, by=developer, at=LATER)
    before = everything()

    with pytest.raises(ItemGoneError):
        edit(item, developer)
    with pytest.raises(ItemGoneError):
        catalog.discard_draft(item=item, by=developer, at=LAST)
    with pytest.raises(NotOnSaleError):
        catalog.remove_from_sale(item=item, by=developer, at=LAST)
    with pytest.raises(NotDeletableError):
        catalog.delete(item=item, by=developer, at=LAST)

    assert everything() == before


def test_every_move_stands_in_the_table():
    allowed = {(now, then) for now, row in ItemVersion.TRANSITIONS.items() for then in row}

    assert allowed >= shelf.MOVES


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("released", "released"),
        ("released", "removed"),
        ("removed", "removed"),
        ("draft", "draft"),
        ("draft", "in_review"),
        ("in_review", "rejected"),
    ],
)
def test_the_database_keeps_one_draft_and_one_on_the_shelf(game, first, second):
    item = made(game, first)

    with pytest.raises(IntegrityError), transaction.atomic():
        beside(item, second)


def test_a_move_without_the_lock_is_found(game, developer):
    version = made(game, "draft").versions.get()
    ItemVersion.objects.update(status="rejected")

    with pytest.raises(RuntimeError):
        shelf.move([version], ItemVersion.Status.IN_REVIEW, by=developer, at=AT)
