"""The test notification, against a real server on this machine."""

import json
from contextlib import closing
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection

from orders import credentials, envelope, workbench
from orders.models import Delivery, DeliveryConfig, Order, TestPush, Verdict
from orders.workbench import TestPushRefusedError, TooManyTestPushesError
from sasvpay.kit.models import AuditEvent
from sasvpay.kit.outbound import UnsafeUrlError
from tests.architecture.world import snapshot
from tests.factories import (
    AT,
    DELIVERY_SECRET,
    DeliveryConfigFactory,
    DeliveryKeyFactory,
    ItemVersionFactory,
    MembershipFactory,
    MiniGameFactory,
)
from tests.orders.dispatching import OK, receiving
from tests.orders.racing import at_once


@pytest.fixture
def server():
    with receiving() as running:
        yield running


def configured(server, **facts):
    game = facts.pop("game", None) or MiniGameFactory()
    DeliveryConfigFactory(game=game, test_url=server.url, **facts)
    DeliveryKeyFactory(game=game)
    return game


def send(game, by=None, at=AT):
    by = by or MembershipFactory(team=game.team).user
    return workbench.send_test_push(game=game, by=by, at=at)


@pytest.mark.django_db
def test_a_sample_signed_with_the_current_key_goes_to_the_test_url(server):
    game = configured(server)

    push = send(game)

    _at, headers, body = server.came[0]
    sent = envelope.parse_envelope(body)
    payload = envelope.parse_purchase(sent.payload)
    assert envelope.verify(DELIVERY_SECRET, sent)
    assert (sent.event, payload.env) == (envelope.PURCHASE_EVENT, "1")
    assert headers["Content-Type"] == "application/json"
    assert headers["X-Delivery-Id"]
    assert push.body == body.decode()
    assert push.signed_text == f"{sent.event}&{sent.payload}"
    assert push.signature == sent.pay_event_sig


@pytest.mark.django_db
def test_what_was_answered_is_judged_kept_and_audited(server):
    game = configured(server)

    push = send(game)

    kept = TestPush.objects.get()
    assert kept == push
    assert (kept.verdict, kept.status_code, kept.answer) == (Verdict.DELIVERED, 200, OK[1].decode())
    assert kept.url == server.url
    event = AuditEvent.objects.get(event="test_push_sent")
    assert event.facts["verdict"] == "delivered"


@pytest.mark.django_db
def test_it_is_never_an_order(server):
    send(configured(server))

    assert Order.objects.count() == Delivery.objects.count() == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "answer", "verdict"),
    [
        (500, b"oops", Verdict.HTTP_STATUS),
        (200, b"<html>", Verdict.NOT_JSON),
        (200, b'{"returnCode":"7","data":"OK"}', Verdict.RETURN_CODE),
        (200, b'{"returnCode":"0","data":"\x00"}', Verdict.NOT_JSON),
        (200, b'{"returnCode":"0","data":""}', Verdict.NOT_OK),
    ],
)
def test_an_answer_that_is_no_success_says_why(server, status, answer, verdict):
    server.reply = lambda body: (status, answer)

    push = send(configured(server))

    push.refresh_from_db()
    assert (push.verdict, push.status_code) == (verdict, status)
    assert "\0" not in push.answer


@pytest.mark.django_db
def test_a_server_that_is_away_is_a_result_too(game, team_admin):
    DeliveryConfigFactory(game=game, test_url="http://127.0.0.1:9/")
    DeliveryKeyFactory(game=game)

    push = send(game, team_admin)

    assert (push.verdict, push.status_code) == (Verdict.CONNECT, None)


@pytest.mark.django_db
def test_the_sample_names_an_item_that_is_on_sale(server):
    game = configured(server)
    version = ItemVersionFactory(item__game=game, price_cents=499)

    send(game)

    payload = json.loads(json.loads(server.came[0][2])["Payload"])
    assert payload["GoodsInfo"]["ProductId"] == version.item.item_id
    assert payload["GoodsInfo"]["ActualPrice"] == 499


@pytest.mark.django_db
def test_without_a_test_url_or_a_key_it_is_refused_in_words(game, team_admin):
    with pytest.raises(TestPushRefusedError, match="Save a URL"):
        send(game, team_admin)
    DeliveryConfigFactory(game=game)
    with pytest.raises(TestPushRefusedError, match="no Test URL"):
        send(game, team_admin)
    DeliveryConfig.objects.update(test_url="http://127.0.0.1:9/")
    with pytest.raises(TestPushRefusedError, match="no key"):
        send(game, team_admin)

    assert TestPush.objects.count() == AuditEvent.objects.count() == 0


@pytest.mark.django_db
def test_a_key_that_signs_later_does_not_sign_the_test(server, game, team_admin):
    configured(server, game=game)
    credentials.rotate(game=game, by=team_admin, at=AT, active_from=AT + timedelta(hours=1))

    send(game, team_admin)

    assert envelope.verify(DELIVERY_SECRET, envelope.parse_envelope(server.came[0][2]))


@pytest.mark.django_db
def test_a_test_url_that_may_not_be_called_any_more_is_refused(server, settings):
    game = configured(server)
    person = MembershipFactory(team=game.team).user
    settings.DELIVERY_ALLOW_PRIVATE = False
    before = snapshot()

    with pytest.raises(UnsafeUrlError):
        send(game, person)

    assert snapshot() == before
    assert server.came == []


@pytest.mark.django_db
def test_ten_a_minute_are_the_most(server):
    game = configured(server)
    person = MembershipFactory(team=game.team).user
    for _each in range(10):
        send(game, person)
    before = snapshot()

    with pytest.raises(TooManyTestPushesError):
        send(game, person, at=AT + timedelta(seconds=59))

    assert snapshot() == before
    assert len(server.came) == 10
    assert send(game, person, at=AT + timedelta(seconds=60)).verdict == Verdict.DELIVERED


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_server_thinks(server):
    game = configured(server)
    seen: list[str] = []

    def look(body):
        with closing(connection):
            seen.extend(TestPush.objects.values_list("verdict", flat=True))
        return OK

    server.reply = look

    send(game)

    # Another connection sees the row: it was committed before the request was made.
    assert seen == [Verdict.INTERRUPTED]


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_thirty_at_once_send_ten(server):
    game = configured(server)
    person = MembershipFactory(team=game.team).user

    answers = at_once(*[partial(send, game, person)] * 30)

    assert sum(isinstance(answer, TestPush) for answer in answers) == 10
    assert sum(isinstance(answer, TooManyTestPushesError) for answer in answers) == 20
    assert len(server.came) == TestPush.objects.count() == 10
