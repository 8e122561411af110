"""From an empty house to a paid order that waits to be delivered, as the people who do it."""

import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from orders import envelope
from orders.models import Order
from permissions.models import Invitation, Membership, MiniGame, Team
from sasvpay import fact_words
from sasvpay.kit import crypto
from sasvpay.kit.audit import Event
from sasvpay.kit.models import AuditEvent, Mail
from tests.factories import UserFactory
from tests.permissions.pages import confirm

EVENT = "minigame_game_pay_goods_deliver_notify"


def _as(user):
    client = Client()
    client.force_login(user)
    confirm(client, user)
    return client


def _post(client, route, *args, **fields):
    answer = client.post(reverse(route, args=args), fields)
    assert answer.status_code == 302, answer.content.decode()
    return answer


def _text_of(letter):
    assert letter.body_encrypted is not None
    return crypto.decrypt(letter.body_encrypted)


def _join(email):
    """Follow the link of the letter that was sent to that address, as somebody new."""
    letter = Mail.objects.filter(to=email).latest("pk")
    (link,) = re.findall(r"/invitations/\S+", _text_of(letter))
    client = Client()
    answer = client.post(link, {"name": email.partition("@")[0], "password": "correct horse 7!"})
    assert answer.status_code == 302, answer.content.decode()
    # Whoever changes a URL is asked for the password once more.
    client.post(reverse("account_reauthenticate"), {"password": "correct horse 7!"})
    return client


def _callback(game, key):
    payload = json.dumps(
        {
            "OpenId": "o_1", "Env": "0", "OutTradeNo": "T1",
            "GoodsInfo": {
                "ProductId": "gold", "Quantity": 1, "ZoneId": "1",
                "OrigPrice": 100, "ActualPrice": 100, "Attach": "", "OrderSource": 1,
            },
        }
    )  # fmt: skip
    body = envelope.build(event=EVENT, pay_model="wallet", payload=payload, secret=key)
    return Client().post(f"/callback/{game.app_id}", body, "application/json")


@pytest.mark.django_db
def test_the_way_to_a_paid_order_works_through_the_pages_and_is_remembered(
    platform_admin, reviewer
):
    platform, reviewing = _as(platform_admin), _as(reviewer)
    _post(platform, "permissions:team-add", name="Realm", administrator="lin@example.com")
    team = Team.objects.get()
    _post(platform, "permissions:team-merchant", team.pk, merchant_id="m_1", name="Realm Ltd.")
    _post(platform, "permissions:game-add", team.pk, name="Stars", app_id="mg_stars")
    game = MiniGame.objects.get()
    admin = _join("lin@example.com")
    _post(admin, "permissions:member-invite", team.pk, email="sam@example.com", role="developer")
    _join("sam@example.com")
    sam = Membership.objects.get(user__email="sam@example.com")
    _post(admin, "permissions:member-role", team.pk, sam.pk, role="senior_developer")
    studio = UserFactory(email="studio@example.com")
    _post(
        admin, "permissions:grant-add", team.pk,
        email=studio.email, game=game.pk, capability="item.edit",
    )  # fmt: skip
    grant = game.gamegrant_set.earliest("pk")
    _post(admin, "permissions:grant-withdraw", team.pk, grant.pk)
    _post(admin, "permissions:payment-request", game.app_id, message="We go live.")
    request = game.payment_requests.get()
    _post(reviewing, "permissions:payment-approve", game.app_id, request.pk, note="")
    shown = reviewing.post(
        reverse("permissions:callback-key-show", args=[game.app_id, game.callback_keys.get().pk])
    )
    (key,) = set(re.findall(r"\b[0-9a-f]{64}\b", shown.content.decode()))
    _post(admin, "orders:config-edit", game.app_id, url="http://127.0.0.1:9/deliver", test_url="")
    _post(admin, "orders:config-on", game.app_id)

    answer = _callback(game, key)

    assert answer.json()["returnCode"] == "0"
    order = Order.objects.get(number="T1")
    assert (order.delivery_status, order.flags) == ("waiting", "unknown_item")
    page = admin.get(reverse("orders:order-list", args=[game.app_id])).content.decode()
    assert "T1" in page
    assert not Invitation.objects.filter(status="pending").exists()
    chain = AuditEvent.objects.filter(chain=f"team:{team.pk}").order_by("number")
    assert list(chain.values_list("event", flat=True)) == [
        Event.TEAM_CREATED,
        Event.MEMBER_INVITED,
        Event.MERCHANT_BOUND,
        Event.GAME_CREATED,
        Event.MEMBER_JOINED,
        Event.MEMBER_INVITED,
        Event.MEMBER_JOINED,
        Event.MEMBER_ROLE_CHANGED,
        Event.GAME_GRANTED,
        Event.GAME_GRANT_WITHDRAWN,
        Event.PAYMENT_REQUESTED,
        Event.CALLBACK_KEY_ISSUED,
        Event.PAYMENT_APPROVED,
        Event.CALLBACK_KEY_SHOWN,
        Event.DELIVERY_KEY_ISSUED,
        Event.DELIVERY_CONFIGURED,
        Event.NOTIFICATION_ENABLED,
    ]
    assert {name for event in AuditEvent.objects.all() for name in _facts(event)} <= set(
        fact_words.FACTS
    )


def _facts(event):
    """Return the names of an event's facts, those before and after included."""
    sides = [event.facts.get(side) for side in ("before", "after")]
    inner = [name for side in sides if isinstance(side, dict) for name in side]
    return {name for name in event.facts if name not in {"before", "after"}} | set(inner)
