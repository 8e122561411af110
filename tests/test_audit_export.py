"""Export of the audit log: exactly the filter's rows, for whom the log is, and remembered itself."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.urls import reverse

from permissions.models import TeamGrant
from sasvpay.audit_export import AUDIT_LOG
from sasvpay.kit import audit, export_pages, jobs
from sasvpay.kit.audit import Event
from sasvpay.kit.models import AuditEvent, Job
from tests.factories import AT, MiniGameFactory, UserFactory
from tests.orders.test_export import as_csv, as_sheet, content
from tests.permissions.pages import as_

pytestmark = pytest.mark.django_db
NOW = AT + timedelta(hours=1)
ALL = [column.name for column in AUDIT_LOG.columns()]


@pytest.fixture(autouse=True)
def _today():
    with time_machine.travel(NOW, tick=False):
        yield


def note(target, event=Event.GAME_RENAMED, *, by=None, at=AT, **facts):
    with transaction.atomic():
        audit.record(event, by=by, target=target, at=at, **facts)


def address(place, game, tail="-export"):
    args = {"game": [game.app_id], "team": [game.team_id], "house": []}[place]
    return reverse(f"{place}-audit{tail}", args=args)


def export(client, url, form="csv", columns=ALL):
    return client.post(url, {"format": form, "columns": columns})


def numbers(response):
    return [row[0] for row in as_csv(content(response))[1:]]


@pytest.mark.parametrize(
    ("place", "asked"),
    [
        ("game", ""),
        ("game", "?person=ada@example.com&period=30d"),
        ("game", "?kind=MiniGame&subject=realm&event=game_renamed"),
        ("team", ""),
        ("team", "?kind=Team"),
        ("house", ""),
        ("house", "?event=signed_out"),
    ],
)
def test_the_rows_are_exactly_those_that_the_page_shows(
    game, team, team_admin, super_admin, place, asked
):
    ada = UserFactory(email="ada@example.com")
    game.name = "Realm of Stars"
    note(game, by=ada)
    note(game, by=ada, at=AT - timedelta(days=8))
    note(game)
    note(game, Event.GAME_CREATED)
    note(MiniGameFactory(team=team))
    note(MiniGameFactory())
    note(team, Event.TEAM_RENAMED)
    note(ada, Event.SIGNED_OUT, by=ada)
    note(ada, Event.SIGNED_IN, by=ada)
    client = as_(super_admin if place == "house" else team_admin)
    page = client.get(address(place, game, "") + asked)
    shown = [str(told.row.number) for told in page.context["events"]]

    dialog = client.get(address(place, game) + asked).content.decode()
    rows = numbers(export(client, address(place, game) + asked, columns=["number"]))

    assert shown
    assert rows == shown
    assert f"{len(shown)}: downloads at" in dialog
    assert f'href="{address(place, game)}?' in page.content.decode()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_an_event_is_told_in_every_column_and_none_is_calculated(game, team_admin, form):
    game.name = "=1+1"
    person = UserFactory(email="+ada@example.com")
    note(
        game, by=person, at=AT + timedelta(microseconds=999_999),
        before={"url": "", "is_enabled": True, "id": [1, {"b": None}]}, after="=2+2",
        held=3, note='中 "文"\n', filter="5",
    )  # fmt: skip
    row = AuditEvent.objects.get()

    file = content(export(as_(team_admin), address("game", game), form))

    heading, cells = as_csv(file) if form == "csv" else as_sheet(file)
    assert heading[:2] == ["Time (UTC)", "Number"]
    told = dict(zip(ALL, map(str, cells), strict=True))
    assert (told["at"], told["number"]) == ("2026-11-20 09:30:00", "1")
    assert (told["person"], told["role"], told["act"]) == (
        "'+ada@example.com", "", "Mini game renamed",
    )  # fmt: skip
    assert (told["kind"], told["object"], told["game"]) == ("Mini game", "'=1+1", game.app_id)
    assert told["object_id"].rstrip("\t") == str(game.pk)
    # On each database the same letters, so that two files can be compared.
    assert told["before"] == '{"id": [1, {"b": null}], "url": "", "is_enabled": true}'
    assert told["after"] == '"=2+2"'
    assert told["facts"] == '{"held": 3, "note": "中 \\"文\\"\\n", "filter": "5"}'
    assert json.loads(told["facts"])["note"] == '中 "文"\n'
    assert (told["request"], told["hash"]) == (row.request_id, row.hash)


def test_what_is_not_remembered_is_empty_and_an_act_without_a_name_stays_readable(game, team_admin):
    note(game, by=team_admin, before=None)
    AuditEvent.objects.bulk_create(
        [AuditEvent(chain=audit.chain_of(game.team_id), number=9, event="gone", game=game.app_id,
                    at=AT - timedelta(hours=1), object_type="Ghost", role="ghost")]
    )  # fmt: skip

    columns = ["role", "act", "kind", "before", "after", "facts"]
    rows = as_csv(content(export(as_(team_admin), address("game", game), columns=columns)))

    assert rows[1:] == [
        ["Mini program administrator", "Mini game renamed", "Mini game", "", "", ""],
        ["ghost", "gone", "Ghost", "", "", ""],
    ]


@pytest.mark.parametrize(
    ("place", "name", "kind"),
    [("game", "{app_id}", "MiniGame"), ("team", "team_{team}", "Team"), ("house", "house", "User")],
)
def test_an_export_is_remembered_where_it_belongs_at_once_and_by_a_job(
    game, super_admin, monkeypatch, place, name, kind
):
    client, url = as_(super_admin), address(place, game) + "?period=30d"

    at_once = export(client, url, columns=["number"])
    monkeypatch.setattr(export_pages, "COUNT_CAP", -1)
    waiting = export(client, url, columns=["number"])
    job = Job.objects.get()
    jobs.run(job_id=job.pk)
    page = client.get(reverse("export-list")).content.decode()
    later = client.get(reverse("export-file", args=[job.pk]))

    name = name.format(app_id=game.app_id, team=game.team_id)
    told = f'filename="audit_{name}_20261120-103000.csv"'
    assert told in at_once["Content-Disposition"]
    assert told in later["Content-Disposition"]
    assert waiting.status_code == 302
    assert f">{name}</span>" in page
    # The first export is an event of the log, and in the second file.
    assert (numbers(at_once), numbers(later)) == ([], ["1"])
    rows = AuditEvent.objects.filter(event=Event.AUDIT_EXPORTED).order_by("number")
    chain = "house" if place == "house" else f"team:{game.team_id}"
    assert [(row.chain, row.actor, row.object_type, row.facts) for row in rows] == [
        (
            chain, super_admin.email, kind,
            {"filter": "period=30d", "columns": ["number"], "format": "csv", "rows": count},
        )
        for count in (0, 1)
    ]  # fmt: skip
    assert {row.game for row in rows} == {game.app_id if place == "game" else ""}


@pytest.mark.parametrize("place", ["game", "team"])
def test_who_may_not_export_is_refused_and_a_stranger_learns_nothing(
    game, operator, outsider, place
):
    for person, status in ((operator, 403), (outsider, 404)):
        assert export(as_(person), address(place, game)).status_code == status
        assert as_(person).get(address(place, game)).status_code == status
    assert not AuditEvent.objects.exists()


def test_the_houses_log_is_not_for_a_teams_administrator(game, team_admin):
    assert export(as_(team_admin), address("house", game)).status_code == 403
    assert not AuditEvent.objects.exists()


def test_whoever_may_export_no_more_does_not_get_a_teams_file(game, team_admin, monkeypatch):
    monkeypatch.setattr(export_pages, "COUNT_CAP", -1)
    client = as_(team_admin)
    export(client, address("team", game), columns=["number"])
    job = Job.objects.get()
    jobs.run(job_id=job.pk)
    TeamGrant.objects.filter(user=team_admin, permission__codename="audit_export").delete()

    assert client.get(reverse("export-file", args=[job.pk])).status_code == 403
    assert client.post(reverse("export-again", args=[job.pk])).status_code == 403
    assert Job.objects.count() == 1


def test_a_filter_that_the_page_refuses_is_refused_and_nothing_is_made(game, team_admin):
    response = export(as_(team_admin), address("game", game) + "?event=nonsense")

    assert response.status_code == 422
    assert "Select a valid choice" in response.content.decode()
    assert not AuditEvent.objects.exists()
