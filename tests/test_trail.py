"""The audit log's pages: what they find, refuse and tell, and to whom."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from orders.models import DeliveryConfig
from sasvpay import changes, trail
from sasvpay.kit import audit
from sasvpay.kit.audit import Entry, Event
from sasvpay.kit.models import AuditEvent
from tests.factories import AT, DeliveryConfigFactory, MiniGameFactory, UserFactory
from tests.permissions.pages import as_

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _today():
    with time_machine.travel(AT + timedelta(hours=1), tick=True):
        yield


@pytest.fixture
def admins(team_admin):
    return as_(team_admin)


def note(target, event=Event.GAME_RENAMED, *, by=None, at=AT, **facts):
    with transaction.atomic():
        audit.record(event, by=by, target=target, at=at, **facts)


def show(client, game, **asked):
    return client.get(reverse("game-audit", args=[game.app_id]), asked)


def found(response):
    assert response.status_code == 200
    return [told.row.facts.get("n") for told in response.context["events"]]


def test_a_games_log_shows_its_own_events_the_newest_first(admins, game, team):
    note(game, n=1, at=AT - DAY * 6)
    note(game, n=2)
    note(game, n="too old", at=AT - DAY * 8)
    note(MiniGameFactory(team=team), n="a sister's")
    note(MiniGameFactory(), n="a stranger's")

    assert found(show(admins, game)) == [2, 1]


def test_a_teams_log_shows_the_team_and_all_its_games_and_the_houses_what_is_left(
    admins, game, team, team_admin, platform_admin
):
    note(game, n="game")
    note(team, Event.TEAM_RENAMED, n="team")
    note(team_admin, Event.SIGNED_OUT, n="house")

    of_team = admins.get(reverse("team-audit", args=[team.pk]))
    of_house = as_(platform_admin).get(reverse("house-audit"))

    assert found(of_team) == ["team", "game"]
    assert found(of_house) == ["house"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"person": " Ada@Example.com "}, ["config", "game"]),
        ({"person": "ada"}, []),
        ({"event": "delivery_configured"}, ["config"]),
        ({"kind": "MiniGame"}, ["bob", "game"]),
        ({"kind": "MiniGame", "subject": "the game's number"}, ["bob", "game"]),
        ({"subject": "realm of"}, ["bob", "game"]),
        ({"subject": "%"}, []),
        ({"person": "ada@example.com", "kind": "DeliveryConfig"}, ["config"]),
        ({"period": "today"}, ["bob", "config", "game"]),
        ({"since": "2026-11-01", "until": "2026-11-19"}, []),
    ],
)
def test_the_log_is_filtered_by_person_act_object_and_time(
    admins, game, team_admin, asked, expected
):
    game.name = "Realm of Stars"
    ada, bob = UserFactory(email="ada@example.com"), UserFactory(email="bob@example.com")
    note(game, by=ada, n="game")
    config = DeliveryConfigFactory(game=game, first_saved_by=team_admin)
    note(config, Event.DELIVERY_CONFIGURED, by=ada, n="config")
    note(game, by=bob, n="bob")
    if asked.get("subject") == "the game's number":
        asked = asked | {"subject": str(game.pk)}

    assert found(show(admins, game, **asked)) == expected


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"since": "2026-11-19", "until": "2026-11-18"}, "lies before the start"),
        ({"since": "2025-11-01", "until": "2026-11-18"}, "on or after 2025-11-20"),
        ({"period": "custom", "since": "2026-11-18"}, "Give both dates"),
        ({"since": "2026-02-30", "until": "2026-11-18"}, "Enter a valid date"),
        ({"event": "nonsense"}, "Select a valid choice"),
        ({"kind": "_connector"}, "Select a valid choice"),
        ({"period": "99y"}, "Select a valid choice"),
        ({"subject": "x" * 201}, "at most 200 characters"),
        ({"person": "a\0b"}, "Null characters are not allowed"),
        ({"before": "forged"}, "not valid any more"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_a_sentence_and_nothing_shown(
    admins, game, asked, said
):
    note(game, n=1)

    response = show(admins, game, **asked)

    assert response.status_code == 422
    assert said in response.content.decode()
    assert "events" not in response.context


def test_older_and_newer_pages_show_every_event_once(admins, game):
    with transaction.atomic():
        audit.record_many(
            Entry(Event.GAME_RENAMED, by=None, target=game, at=AT, facts={"n": n})
            for n in range(45)
        )

    first = show(admins, game)
    second = admins.get(first.context["pager"]["older_url"])
    third = admins.get(second.context["pager"]["older_url"])
    back = admins.get(third.context["pager"]["newer_url"])

    assert found(first) + found(second) + found(third) == list(range(44, -1, -1))
    assert found(back) == found(second)
    assert first.context["pager"]["summary"] == "45 events"
    assert third.context["pager"]["older_url"] == ""


def test_the_log_asks_the_database_as_often_for_many_events_as_for_one(admins, game, team_admin):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert show(admins, game, person=team_admin.email).status_code == 200
        return len(asked)

    note(game, by=team_admin)
    queries()
    few = queries()
    for _ in range(5):
        note(game, by=team_admin)

    assert queries() == few


def test_an_event_tells_who_as_what_before_and_after_and_the_request(admins, game, team_admin):
    config = DeliveryConfigFactory(game=game)
    note(
        config, Event.DELIVERY_CONFIGURED, by=team_admin,
        before={"url": "https://old.example.com/", "test_url": "", "is_enabled": True},
        after={"url": "<b>https://new.example.com/", "test_url": "", "is_enabled": False},
        held=3, expires_at="2027-11-20T09:30:00+00:00",
    )  # fmt: skip

    response = show(admins, game)
    [told] = response.context["events"]
    page = response.content.decode()

    assert (told.act, told.kind) == ("Delivery notification configured", "Delivery configuration")
    assert told.role == "Mini program administrator"
    assert [(one.label, one.before, one.after) for one in told.changes] == [
        ("URL", "https://old.example.com/", "<b>https://new.example.com/"),
        ("Switched on", "Yes", "No"),
    ]
    assert told.facts == [
        ("Orders held", "3"),
        ("Certificate valid until", "2027-11-20 09:30:00 UTC"),
    ]
    assert "&lt;b&gt;https://new.example.com/" in page
    assert team_admin.email in page


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            {"before": "developer", "after": "team_admin"},
            [("Value", "Developer", "Mini program administrator")],
        ),
        ({"before": "", "after": "reviewer"}, [("Value", "–", "Superapp reviewer")]),
        (
            {
                "before": {"price_cents": 499, "name": "A"},
                "after": {"price_cents": 599, "name": "A"},
            },
            [("Price", "$4.99", "$5.99")],
        ),
        ({"before": {"name": "A"}}, [("Name", "A", "–")]),
        (
            {"before": None, "after": {"odd_fact": [1, {"a": None}]}},
            [("Odd fact", "–", '1, {"a": null}')],
        ),
        ({"capability": "item.edit"}, []),
    ],
)
def test_before_and_after_are_told_in_words(game, facts, expected):
    note(game, **facts)
    row = AuditEvent.objects.get()

    told = changes.told(row)

    assert [(one.label, one.before, one.after) for one in told.changes] == expected
    if "capability" in facts:
        assert told.facts == [("Capability", "Virtual items: add, edit, discard drafts")]


@pytest.mark.parametrize(
    ("event", "facts", "expected"),
    [
        (Event.TEST_PUSH_SENT, {"verdict": "not_json"}, "应答不是 JSON 对象"),
        (Event.ORDER_SETTLED, {"flags": ["unknown_item", "paid_nothing"]}, "未知道具, 实付为零"),
        (Event.DELIVERY_RESENT, {"left_out": {"sending": 2}}, "该订单正在推送。 (2)"),
        (Event.RELEASE_WITHDRAWN, {"because": "edited"}, "道具已编辑"),
        (Event.SIGNED_IN, {"means": ["password", "mfa"]}, "密码, 两步验证"),
        (Event.SECOND_FACTOR_ADDED, {"factor": "totp"}, "身份验证器应用"),
        (Event.ORDERS_EXPORTED, {"columns": ["number", "paid"]}, "订单号, 实付金额"),
        (Event.REFUNDS_EXPORTED, {"columns": ["number", "paid"]}, "退款单号, 订单实付金额"),
        (Event.MEMBER_JOINED, {"role": "developer"}, "开发者"),
        (Event.MEMBER_JOINED, {"email": "developer"}, "developer"),
    ],
)
def test_codes_are_told_in_the_language_of_the_page(game, event, facts, expected):
    note(game, event, **facts)

    with translation.override("zh-hans"):
        told = changes.told(AuditEvent.objects.get())

    assert [value for _label, value in told.facts] == [expected]


def test_a_status_is_told_in_the_words_of_its_page(game):
    note(game, before={"status": "pending"}, after={"status": "disabled"})
    note(game, before={"status": "failed"}, after={"status": "delivered"})

    with translation.override("zh-hans"):
        told = [changes.told(row).changes for row in AuditEvent.objects.order_by("number")]

    assert [(one.before, one.after) for [one] in told] == [
        ("待审核", "已停用"),
        ("失败", "已送达"),
    ]


def test_every_kind_of_object_that_can_be_remembered_can_be_chosen():
    assert DeliveryConfig.__name__ in dict(trail.kinds())
    assert all(str(label).strip() for _name, label in trail.kinds())
