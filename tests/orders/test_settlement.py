"""Settling attention flags: once, with a note, by whoever may resend."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from orders import settlement
from orders.models import Order, Settlement
from sasvpay.kit.audit import Event
from sasvpay.kit.models import AuditEvent
from tests.factories import AT, DeliveryFactory, MiniGameFactory, OrderFactory
from tests.threads import together

pytestmark = pytest.mark.django_db


@pytest.fixture
def flagged(game):
    work = DeliveryFactory(order__game=game, order__flags="unknown_item paid_nothing")
    return work.order


def address(order, name="order-settle"):
    return reverse(f"orders:{name}", args=[order.game.app_id, order.pk])


def assert_not_settled(order):
    order.refresh_from_db()
    assert order.settled_at is None
    assert not Settlement.objects.exists()
    assert not AuditEvent.objects.exists()


def test_settle_keeps_who_when_and_why_and_the_flags(flagged, senior_developer):
    settlement.settle(order=flagged, note="A coupon.", by=senior_developer, at=AT)

    flagged.refresh_from_db()
    assert (flagged.settled_at, flagged.flags) == (AT, "unknown_item paid_nothing")
    kept = Settlement.objects.get()
    assert (kept.order, kept.settled_by, kept.note) == (flagged, senior_developer, "A coupon.")
    told = AuditEvent.objects.get()
    assert (told.event, told.object_id, told.actor_id) == (
        Event.ORDER_SETTLED, str(flagged.pk), senior_developer.pk,
    )  # fmt: skip
    assert told.facts == {"flags": ["unknown_item", "paid_nothing"], "note": "A coupon."}


def test_a_settled_order_is_not_settled_again(flagged, senior_developer, team_admin):
    settlement.settle(order=flagged, note="First.", by=senior_developer, at=AT)

    with pytest.raises(settlement.AlreadySettledError):
        settlement.settle(order=flagged, note="Second.", by=team_admin, at=AT)

    assert Settlement.objects.get().note == "First."
    assert AuditEvent.objects.count() == 1


def test_an_order_without_flags_has_nothing_to_settle(game, senior_developer):
    order = OrderFactory(game=game)

    with pytest.raises(settlement.NotFlaggedError):
        settlement.settle(order=order, note="Fine.", by=senior_developer, at=AT)
    with pytest.raises(IntegrityError), transaction.atomic():
        Order.objects.update(settled_at=AT)

    assert_not_settled(order)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_who_settle_at_once_one_is_told(flagged, senior_developer, team_admin):
    answers = together(
        *(
            lambda by=by: settlement.settle(order=flagged, note=by.name, by=by, at=AT)
            for by in (senior_developer, team_admin)
        )
    )

    assert sorted(type(answer).__name__ for answer in answers) == [
        "AlreadySettledError", "Settlement",
    ]  # fmt: skip
    assert AuditEvent.objects.count() == 1


def test_the_page_settles_and_then_tells_who_and_why(client, flagged, senior_developer):
    client.force_login(senior_developer)
    assert address(flagged) in client.get(address(flagged, "order-detail")).content.decode()

    response = client.post(address(flagged), {"note": "Ein <b>Gutschein</b>."}, follow=True)

    page = response.content.decode()
    assert response.redirect_chain == [(address(flagged, "order-detail"), 302)]
    for words in ("flags are settled", senior_developer.name, "Ein &lt;b&gt;Gutschein&lt;/b&gt;."):
        assert words in page
    assert address(flagged) not in page
    assert "Attention flags settled" in [moment.title for moment in response.context["timeline"]]


def test_whoever_comes_to_settle_a_settled_order_sees_the_note_that_is_there(
    client, flagged, senior_developer, team_admin
):
    settlement.settle(order=flagged, note="A coupon.", by=team_admin, at=AT)
    client.force_login(senior_developer)

    response = client.get(address(flagged), follow=True)

    assert response.redirect_chain == [(address(flagged, "order-detail"), 302)]
    assert "A coupon." in response.content.decode()
    late = client.post(
        address(flagged), {"note": "Late."}, headers={"Referer": f"http://testserver{address(flagged)}"},
        follow=True,
    )  # fmt: skip
    assert late.redirect_chain[-1] == (address(flagged, "order-detail"), 302)
    assert "Somebody settled this order already." in late.content.decode()
    assert Settlement.objects.get().note == "A coupon."


def test_a_note_is_required(client, flagged, senior_developer):
    client.force_login(senior_developer)

    for note in ("", "  ", "n" * 501, "\0"):
        assert client.post(address(flagged), {"note": note}).status_code == 422

    assert_not_settled(flagged)


def test_who_may_not_settle_is_told_who_may(client, flagged, developer):
    client.force_login(developer)

    page = client.get(address(flagged, "order-detail")).content.decode()

    assert address(flagged) not in page
    assert "Administrators and senior developers" in page


def test_an_order_of_another_game_or_without_flags_has_no_such_page(
    client, game, flagged, senior_developer
):
    client.force_login(senior_developer)
    plain = OrderFactory(game=game)
    foreign = OrderFactory(game=MiniGameFactory(team=game.team), flags="unknown_item")

    for order in (plain, foreign):
        url = reverse("orders:order-settle", args=[game.app_id, order.pk])
        assert client.post(url, {"note": "Mine."}).status_code == 404

    assert_not_settled(flagged)
