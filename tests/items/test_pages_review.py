"""The reviewer's side: releases and exemptions in the queue, decided one by one or together."""

import pytest
from django.urls import reverse

from items import catalog, release
from items.models import ExemptionRequest, Item, ReleaseRequest
from tests.architecture.world import snapshot
from tests.factories import (
    AT,
    ExemptionRequestFactory,
    ItemVersionFactory,
    MembershipFactory,
    PaymentRequestFactory,
)
from tests.items.lives import add, ask, edit, made, statuses
from tests.items.pages import as_, kept, said, text, url

pytestmark = pytest.mark.django_db
QUEUE = "/review"
APPROVE, REJECT = "/review/releases/approve", "/review/releases/reject"


@pytest.fixture
def client(reviewer):
    return as_(reviewer)


def waiting(game, by, **facts):
    return ask(add(game, by, **facts).item, by)


def queue(client, **asked):
    response = client.get(QUEUE, asked)
    assert response.status_code == 200
    return [entry.request for entry in response.context["entries"]]


def test_all_kinds_wait_in_one_queue_the_oldest_first(client, game, senior_developer):
    exempt = ExemptionRequestFactory(game=game, requested_at=AT.replace(day=1))
    payment = PaymentRequestFactory(requested_at=AT.replace(day=2))
    asked = waiting(game, senior_developer)

    assert queue(client) == [exempt, payment, asked]
    assert queue(client, kind="release") == [asked]
    assert queue(client, kind="exemption", game=game.app_id) == [exempt]
    assert queue(client, team=payment.game.team_id) == [payment]
    assert queue(client, game=payment.game.app_id) == [payment]
    for nothing in ({"kind": "x"}, {"game": "x"}, {"game": "\0"}, {"team": "9" * 30}):
        assert queue(client, **nothing) == []
    assert '<span class="count">3</span>' in text(client.get(QUEUE))


def test_a_release_shows_what_changes_against_what_is_on_sale(client, game, senior_developer):
    item = made(game, "released", name="Sword", price_cents=499)
    edit(item, senior_developer, name="Long <sword>", price_cents=599)
    ask(item, senior_developer)
    waiting(game, senior_developer, item_id="fresh")

    page = text(client.get(QUEUE))

    for told in ("<del>Sword</del>", "Long &lt;sword&gt;", "$4.99", "$5.99", "New: nothing of it"):
        assert told in page


def test_the_queue_takes_the_same_queries_for_one_and_ten_releases(
    client, game, senior_developer, django_assert_max_num_queries
):
    waiting(game, senior_developer)
    client.get(QUEUE)
    with django_assert_max_num_queries(40) as one:
        client.get(QUEUE)
    for number in range(9):
        by = MembershipFactory().user
        waiting(game, by, item_id=f"item_{number}")

    with django_assert_max_num_queries(40) as ten:
        client.get(QUEUE)

    assert len(one) == len(ten)


def test_one_release_is_approved_with_a_note(client, game, senior_developer):
    asked = waiting(game, senior_developer)
    assert "Sword" in text(client.get(APPROVE, {"request": asked.pk}))

    response = client.post(APPROVE, {"request": asked.pk, "note": "Nice.", "team": game.team_id})

    assert response.url == f"{QUEUE}?team={game.team_id}"
    asked.refresh_from_db()
    assert (asked.status, asked.note) == ("approved", "Nice.")
    assert said(response) == ["sword: Released."]


def test_a_rejection_needs_a_reason_which_the_team_reads(client, game, senior_developer):
    asked = waiting(game, senior_developer)
    before = snapshot()
    assert client.post(REJECT, {"request": asked.pk, "note": " "}).status_code == 422
    assert snapshot() == before

    client.post(REJECT, {"request": asked.pk, "note": "A trademark."})

    assert "A trademark." in text(as_(senior_developer).get(url("item-list", game)))


def test_many_are_decided_together_and_what_was_decided_before_is_told(
    client, game, senior_developer, reviewer
):
    asked = [waiting(game, senior_developer, item_id=f"item_{n}") for n in range(3)]
    release.reject(request_ids=[asked[0].pk], note="No.", by=reviewer, at=AT)

    response = client.post(APPROVE, {"request": [each.pk for each in asked]})

    lines = client.get(response.url).context["report"].lines
    assert [line[:2] for line in lines] == [("item_0", False), ("item_1", True), ("item_2", True)]
    assert "decided before" in lines[0][2]


def test_all_that_match_are_those_of_the_game_or_team(client, game, senior_developer):
    mine = waiting(game, senior_developer)
    other = ItemVersionFactory(status="draft")
    by = MembershipFactory(team=other.item.game.team).user
    others = ask(other.item, by)
    everything = client.get(APPROVE, {"all": "1"})
    assert len(everything.context["changes"]) == 2

    client.post(APPROVE, kept(everything) | {"game": game.app_id})

    assert statuses(mine.version.item) == ["released"]
    assert ReleaseRequest.objects.get(pk=others.pk).status == "pending"


def test_what_is_asked_for_after_the_reviewer_looked_is_not_decided_with_all_that_match(
    client, game, senior_developer
):
    seen = waiting(game, senior_developer, item_id="seen")
    page = client.get(QUEUE, {"all": "1"})
    changed = waiting(game, senior_developer, item_id="changed")
    dialog = kept(client.get(APPROVE, kept(page)))
    edit(changed.version.item, senior_developer, name="Other")
    ask(changed.version.item, senior_developer)

    client.post(APPROVE, dialog)

    assert ReleaseRequest.objects.get(pk=seen.pk).status == "approved"
    assert statuses(changed.version.item) == ["in_review"]


@pytest.mark.parametrize("act", [APPROVE, REJECT])
@pytest.mark.parametrize("upto", [{}, {"upto": ""}, {"upto": "x"}, {"upto": "9" * 18}])
def test_all_that_match_without_what_the_page_showed_is_refused(
    client, game, senior_developer, act, upto
):
    waiting(game, senior_developer)
    before = snapshot()

    response = client.post(act, {"all": "1", "note": "No.", **upto})

    assert "It is not known what you were looking at, so nothing was done." in text(response, 422)
    assert snapshot() == before


@pytest.mark.parametrize("body", [{}, {"request": "x"}, {"request": "9" * 30}, {"all": "1"}])
def test_nothing_chosen_is_said(client, body):
    response = client.post(APPROVE, body | kept(client.get(APPROVE, body)))

    assert "Choose at least one request." in text(response, 422)


def test_what_was_withdrawn_deleted_or_removed_meanwhile_is_told(client, game, senior_developer):
    asked = [waiting(game, senior_developer, item_id=f"item_{n}") for n in range(2)]
    items = [each.version.item for each in asked]
    release.withdraw(game=game, item_ids=[items[0].pk], by=senior_developer, at=AT)
    catalog.delete(item=items[1], by=senior_developer, at=AT)

    withdrawn = client.post(APPROVE, {"request": asked[0].pk})
    deleted = client.post(APPROVE, {"request": asked[1].pk})

    assert "Withdrawn" in said(withdrawn)[0]
    assert deleted.status_code == 422
    assert Item.objects.get(item_id="item_0").versions.get().status == "draft"


# --- Exemption --------------------------------------------------------------------------------


def test_an_exemption_is_asked_for_on_the_configuration_page(game, senior_developer, operator):
    client = as_(senior_developer)
    config = reverse("orders:config", args=[game.app_id])
    assert url("exemption-request", game) in text(client.get(config))
    assert url("exemption-request", game) not in text(as_(operator).get(config))

    client.post(url("exemption-request", game), {"message": "We are <i>careful</i>."})

    assert ExemptionRequest.objects.get().requested_by == senior_developer
    page = text(client.get(config))
    assert "We are &lt;i&gt;careful&lt;/i&gt;." in page
    assert url("exemption-request", game) not in page


def test_a_request_without_a_message_is_not_sent(game, senior_developer):
    assert as_(senior_developer).post(url("exemption-request", game), {}).status_code == 422
    assert not ExemptionRequest.objects.exists()


def test_a_second_request_is_refused_in_the_dialog(game, senior_developer):
    ExemptionRequestFactory(game=game)

    response = as_(senior_developer).post(url("exemption-request", game), {"message": "Again."})

    assert "with the superapp already" in text(response, 422)
    assert ExemptionRequest.objects.count() == 1


def test_an_exemption_is_approved_and_revoked_with_what_was_released_under_it(
    client, game, senior_developer
):
    asked = ExemptionRequestFactory(game=game)
    client.post(url("exemption-approve", game, asked.pk), {"note": ""})
    item = add(game, senior_developer).item
    ask(item, senior_developer)
    assert statuses(item) == ["released"]
    page = url("exemption-revoke", game, asked.pk)
    assert "One item that was released under it is on sale." in text(client.get(page))

    assert client.post(page, {"note": "", "remove_items": "on"}).status_code == 422
    assert statuses(item) == ["released"]
    response = client.post(page, {"note": "Complaints.", "remove_items": "on"})

    assert statuses(item) == ["removed"]
    assert "One item was taken off sale." in said(response)
    assert "Complaints." in text(client.get(url("exemption", game)))


def test_without_the_tick_what_is_on_sale_stays(client, game, senior_developer):
    asked = ExemptionRequestFactory(game=game)
    client.post(url("exemption-approve", game, asked.pk), {"note": ""})
    item = add(game, senior_developer).item
    ask(item, senior_developer)

    client.post(url("exemption-revoke", game, asked.pk), {"note": "Complaints."})

    assert statuses(item) == ["released"]


def test_what_somebody_decided_before_is_told_and_not_decided_again(client, game):
    asked = ExemptionRequestFactory(game=game)
    client.post(url("exemption-reject", game, asked.pk), {"note": "Too early."})

    response = client.post(url("exemption-approve", game, asked.pk), {"note": ""})

    assert "“Rejected” by now" in said(response)[-1]
    asked.refresh_from_db()
    assert asked.status == "rejected"


def test_another_games_request_is_not_found(client, game):
    asked = ExemptionRequestFactory()

    assert client.get(url("exemption-approve", game, asked.pk)).status_code == 404
