"""URLs, the switch, and which orders it moves."""

from datetime import timedelta
from functools import partial

import pytest

from orders import delivery_config
from orders.delivery_config import AlreadySwitchedError, NotConfiguredError
from orders.models import Delivery, DeliveryConfig, DeliveryKey, DeliveryStatus, Env
from sasvpay.kit.models import AuditEvent, Mail
from sasvpay.kit.outbound import UnsafeUrlError
from tests.architecture.world import snapshot
from tests.factories import (
    AT,
    DeliveryConfigFactory,
    DeliveryFactory,
    DeliveryKeyFactory,
    MembershipFactory,
    MiniGameFactory,
    copied,
)
from tests.orders.racing import at_once

URL = "https://pay.example.com/deliver"
TEST_URL = "https://pay.example.com/deliver-test"
HELD, WAITING, SENDING = DeliveryStatus.HELD, DeliveryStatus.WAITING, DeliveryStatus.SENDING


def save(game, by, **facts):
    return delivery_config.save(
        game=game, by=by, at=AT, **{"url": URL, "test_url": TEST_URL, **facts}
    )


def switch_on(game, by, *, push_waiting, at=AT):
    return delivery_config.switch_on(game=game, push_waiting=push_waiting, by=by, at=at)


def owed(game, status, env=Env.LIVE, **facts):
    return DeliveryFactory(order__game=game, order__env=env, status=status, **facts)


def statuses():
    """Return the status of each delivery, and see that its order says the same."""
    found = list(Delivery.objects.select_related("order"))
    for delivery in found:
        assert delivery.order.delivery_status == copied(delivery)
    return {delivery.pk: delivery.status for delivery in found}


def audited(event):
    return AuditEvent.objects.get(event=event)


@pytest.mark.django_db
def test_the_first_save_keeps_the_urls_and_issues_one_key_and_one_letter(game, team_admin):
    config = save(game, team_admin)

    assert (config.url, config.test_url, config.is_enabled) == (URL, TEST_URL, False)
    assert (config.first_saved_by, config.first_saved_at) == (team_admin, AT)
    assert DeliveryKey.objects.get().sent_to == team_admin.email
    assert Mail.objects.get(kind="delivery_key").to == team_admin.email
    facts = audited("delivery_configured").facts
    assert facts == {"before": None, "after": {"url": URL, "test_url": TEST_URL}}
    assert audited("delivery_key_issued").actor == team_admin.email


@pytest.mark.django_db
def test_a_later_save_changes_the_urls_and_issues_nothing(game, team_admin, senior_developer):
    save(game, team_admin)

    save(game, senior_developer, url=TEST_URL, test_url="")

    config = DeliveryConfig.objects.get()
    assert (config.url, config.test_url) == (TEST_URL, "")
    assert (config.first_saved_by, config.changed_by) == (team_admin, senior_developer)
    assert DeliveryKey.objects.count() == Mail.objects.filter(kind="delivery_key").count() == 1
    facts = AuditEvent.objects.filter(event="delivery_configured").latest("pk").facts
    assert facts["before"] == {"url": URL, "test_url": TEST_URL}
    assert facts["after"] == {"url": TEST_URL, "test_url": ""}


@pytest.mark.django_db
def test_both_urls_may_be_equal(game, team_admin):
    assert save(game, team_admin, test_url=URL).test_url == URL


@pytest.mark.django_db
@pytest.mark.parametrize(
    "urls", [{"url": "http://127.0.0.1/"}, {"test_url": "https://a.example:8443/"}]
)
def test_a_url_that_may_not_be_called_is_refused_and_nothing_is_kept(
    game, team_admin, settings, urls
):
    settings.DELIVERY_ALLOW_PRIVATE = False
    before = snapshot()

    with pytest.raises(UnsafeUrlError):
        save(game, team_admin, **urls)

    assert snapshot() == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    "switch", [delivery_config.switch_off, partial(delivery_config.switch_on, push_waiting=True)]
)
def test_without_a_url_nothing_is_switched(game, team_admin, switch):
    before = snapshot()

    with pytest.raises(NotConfiguredError):
        switch(game=game, by=team_admin, at=AT)

    assert snapshot() == before


@pytest.mark.django_db
def test_switching_on_pushes_what_is_held_where_the_person_chose_so(game, team_admin):
    config = DeliveryConfigFactory(game=game, is_enabled=False, test_url=TEST_URL)
    live, test = owed(game, HELD), owed(game, HELD, Env.TEST, attempts=3)
    other = owed(MiniGameFactory(), HELD)
    now = AT + timedelta(hours=1)

    pushed = switch_on(game, team_admin, push_waiting=True, at=now)

    config.refresh_from_db()
    assert (pushed, config.is_enabled, config.changed_by) == (2, True, team_admin)
    assert statuses() == {live.pk: WAITING, test.pk: WAITING, other.pk: HELD}
    assert Delivery.objects.get(pk=live.pk).due_at == now
    facts = audited("notification_enabled").facts
    assert facts == {"before": {"is_enabled": False}, "after": {"is_enabled": True}, "pushed": 2}


@pytest.mark.django_db
def test_switching_on_leaves_what_is_held_where_the_person_chose_so(game, team_admin):
    DeliveryConfigFactory(game=game, is_enabled=False)
    held = owed(game, HELD)

    assert switch_on(game, team_admin, push_waiting=False) == 0

    assert statuses() == {held.pk: HELD}


@pytest.mark.django_db
def test_test_orders_without_a_test_url_stay_held(game, team_admin):
    DeliveryConfigFactory(game=game, is_enabled=False)
    live, test = owed(game, HELD), owed(game, HELD, Env.TEST)

    assert switch_on(game, team_admin, push_waiting=True) == 1

    assert statuses() == {live.pk: WAITING, test.pk: HELD}


@pytest.mark.django_db
def test_what_came_back_while_it_was_off_is_part_of_the_choice(game, team_admin):
    DeliveryConfigFactory(game=game, is_enabled=False)
    # It was being pushed when notification was switched off, and failed after that.
    straggler = owed(game, WAITING, attempts=1)

    switch_on(game, team_admin, push_waiting=False)

    assert statuses() == {straggler.pk: HELD}


@pytest.mark.django_db
def test_while_it_is_on_the_held_orders_can_still_be_pushed(game, team_admin):
    DeliveryConfigFactory(game=game)
    held, retrying = owed(game, HELD), owed(game, WAITING, attempts=3)

    assert switch_on(game, team_admin, push_waiting=True) == 1

    assert statuses() == {held.pk: WAITING, retrying.pk: WAITING}
    assert Delivery.objects.get(pk=retrying.pk).due_at == AT


@pytest.mark.django_db
@pytest.mark.parametrize("push_waiting", [True, False])
def test_switching_on_what_is_on_is_refused_when_nothing_is_held(game, team_admin, push_waiting):
    DeliveryConfigFactory(game=game)
    before = snapshot()

    with pytest.raises(AlreadySwitchedError):
        switch_on(game, team_admin, push_waiting=push_waiting)

    assert snapshot() == before


@pytest.mark.django_db
def test_switching_off_holds_what_waits_and_lets_what_is_under_way_finish(game, team_admin):
    config = DeliveryConfigFactory(game=game, test_url=TEST_URL)
    live, test = owed(game, WAITING), owed(game, WAITING, Env.TEST, attempts=2)
    under_way, done = owed(game, SENDING), owed(game, DeliveryStatus.DELIVERED)

    held = delivery_config.switch_off(game=game, by=team_admin, at=AT)

    config.refresh_from_db()
    assert (held, config.is_enabled) == (2, False)
    assert statuses() == {
        live.pk: HELD, test.pk: HELD, under_way.pk: SENDING, done.pk: DeliveryStatus.DELIVERED,
    }  # fmt: skip
    facts = audited("notification_disabled").facts
    assert facts == {"before": {"is_enabled": True}, "after": {"is_enabled": False}, "held": 2}


@pytest.mark.django_db
def test_switching_off_what_is_off_is_refused(game, team_admin):
    DeliveryConfigFactory(game=game, is_enabled=False)
    before = snapshot()

    with pytest.raises(AlreadySwitchedError):
        delivery_config.switch_off(game=game, by=team_admin, at=AT)

    assert snapshot() == before


@pytest.mark.django_db
def test_test_orders_follow_the_test_url_while_notification_is_on(game, team_admin):
    DeliveryConfigFactory(game=game)
    DeliveryKeyFactory(game=game)
    live, test = owed(game, HELD), owed(game, HELD, Env.TEST)

    save(game, team_admin)
    with_url = statuses()
    save(game, team_admin, test_url="")
    without_url = statuses()

    assert with_url == {live.pk: HELD, test.pk: WAITING}
    assert without_url == {live.pk: HELD, test.pk: HELD}
    facts = list(AuditEvent.objects.order_by("pk").values_list("facts", flat=True))
    assert (facts[0]["released"], facts[1]["held"]) == (1, 1)


@pytest.mark.django_db
def test_test_orders_stay_held_when_a_test_url_comes_while_notification_is_off(game, team_admin):
    DeliveryConfigFactory(game=game, is_enabled=False)
    test = owed(game, HELD, Env.TEST)

    save(game, team_admin)

    assert statuses() == {test.pk: HELD}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("is_enabled", "test_url", "expected"),
    [(False, TEST_URL, (2, 1, 3, 0)), (False, "", (2, 1, 2, 1)), (True, "", (1, 1, 1, 1))],
)
def test_the_backlog_counts_what_waits_for_the_switch_or_a_url(
    game, is_enabled, test_url, expected
):
    config = DeliveryConfigFactory(game=game, is_enabled=is_enabled, test_url=test_url)
    owed(game, HELD)
    owed(game, WAITING, attempts=1)
    owed(game, HELD, Env.TEST)
    owed(game, DeliveryStatus.FAILED)

    backlog = delivery_config.backlog(game, config)

    assert (backlog.live, backlog.test, backlog.pushable, backlog.stuck) == expected


def test_every_move_stands_in_the_table():
    allowed = {(before, after) for before, then in Delivery.TRANSITIONS.items() for after in then}

    assert allowed >= delivery_config.MOVES


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_twenty_first_saves_at_once_issue_one_key_and_one_letter():
    game = MiniGameFactory()
    people = [MembershipFactory(team=game.team).user for _each in range(20)]

    answers = at_once(*[partial(save, game, person) for person in people])

    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    key, letter = DeliveryKey.objects.get(), Mail.objects.get(kind="delivery_key")
    assert key.sent_to == letter.to == DeliveryConfig.objects.get().first_saved_by.email
    assert AuditEvent.objects.filter(event="delivery_configured").count() == 20
    assert AuditEvent.objects.filter(event="delivery_key_issued").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_switching_at_once_happens_once():
    game = MiniGameFactory()
    DeliveryConfigFactory(game=game, is_enabled=False)
    held = owed(game, HELD)
    person = MembershipFactory(team=game.team).user

    answers = at_once(*[partial(switch_on, game, person, push_waiting=True)] * 10)

    assert answers.count(1) == 1
    assert sum(isinstance(answer, AlreadySwitchedError) for answer in answers) == 9
    assert statuses() == {held.pk: WAITING}


@pytest.mark.django_db
def test_an_order_that_came_held_at_the_moment_of_switching_on_goes_out(game, team_admin):
    DeliveryConfigFactory(game=game, is_enabled=False)
    kept = owed(game, HELD, due_at=AT - timedelta(seconds=1))
    switch_on(game, team_admin, push_waiting=False)
    # Its statement began before the switch's commit, and ended after.
    stray = owed(game, HELD, due_at=AT + timedelta(seconds=1))

    moved = delivery_config.follow_switch(at=AT + timedelta(seconds=5))

    assert moved == 1
    assert statuses() == {kept.pk: HELD, stray.pk: WAITING}


@pytest.mark.django_db
def test_after_pushing_everything_no_stray_stays_held(game, team_admin):
    DeliveryConfigFactory(game=game, is_enabled=False)
    switch_on(game, team_admin, push_waiting=True)
    stray = owed(game, HELD, due_at=AT - timedelta(seconds=1))
    without_url = owed(game, HELD, env=Env.TEST)

    assert delivery_config.follow_switch(at=AT) == 1
    assert statuses() == {stray.pk: WAITING, without_url.pk: HELD}


@pytest.mark.django_db
def test_an_order_that_came_waiting_at_the_moment_of_switching_off_is_held(game, team_admin):
    DeliveryConfigFactory(game=game, is_enabled=True)
    delivery_config.switch_off(game=game, by=team_admin, at=AT)
    stray, flying = owed(game, WAITING), owed(game, SENDING)

    assert delivery_config.follow_switch(at=AT) == 1
    assert statuses() == {stray.pk: HELD, flying.pk: SENDING}
