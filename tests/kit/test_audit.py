"""The trail: one transaction with the act, numbered without gaps, chained, never changed."""

import random
from datetime import timedelta, timezone
from functools import partial

import pytest
import structlog
from django.db import DatabaseError, connection, transaction
from django.utils.translation import gettext_lazy

from permissions.matrix import HouseRole, TeamRole
from sasvpay.kit import audit
from sasvpay.kit.audit import HOUSE, Entry, Event
from sasvpay.kit.models import AuditEvent, AuditHead
from tests.factories import (
    AT,
    MembershipFactory,
    MiniGameFactory,
    PaymentRequestFactory,
    TeamFactory,
    UserFactory,
)
from tests.threads import together


def _chain_of(team):
    return f"team:{team.pk}"


def _verify(chain):
    """Recompute a chain from what is stored, and return its numbers."""
    previous, numbers = "", []
    for row in AuditEvent.objects.filter(chain=chain).order_by("number"):
        assert row.hash == audit.digest(previous, row)
        previous = row.hash
        numbers.append(row.number)
    head = AuditHead.objects.filter(pk=chain).first()
    assert (head.number, head.hash) == (len(numbers), previous) if head else not numbers
    return numbers


@pytest.mark.django_db
def test_record_remembers_who_what_when_and_where(game, team_admin):
    request = PaymentRequestFactory(game=game)

    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        audit.record(Event.PAYMENT_REQUESTED, by=team_admin, target=request, at=AT, message="m")

    row = AuditEvent.objects.get()
    assert {
        name: getattr(row, name)
        for name in ("chain", "number", "event", "at", "actor_id", "actor", "role", "team_id")
    } == {
        "chain": _chain_of(game.team),
        "number": 1,
        "event": "payment_requested",
        "at": AT,
        "actor_id": team_admin.pk,
        "actor": team_admin.email,
        "role": TeamRole.TEAM_ADMIN,
        "team_id": game.team_id,
    }
    assert (row.game, row.object_type, row.object_id, row.object_label) == (
        game.app_id,
        "PaymentRequest",
        str(request.pk),
        game.name,
    )
    assert (row.facts, row.request_id) == ({"message": "m"}, "r-1")


@pytest.mark.django_db
def test_record_remembers_a_house_role_and_the_console_itself(game, reviewer):
    audit.record(Event.PAYMENT_APPROVED, by=reviewer, target=game, at=AT)
    audit.record(Event.PAYMENT_DISABLED, by=None, target=game, at=AT)

    by_person, by_console = AuditEvent.objects.order_by("number")
    assert (by_person.actor, by_person.role) == (reviewer.email, HouseRole.REVIEWER)
    assert (by_console.actor_id, by_console.actor, by_console.role) == (None, "console", "")


@pytest.mark.django_db
def test_each_team_and_the_house_have_a_chain_of_their_own():
    first, second, person = TeamFactory(), TeamFactory(), UserFactory()

    for target in (first, person, second, first, person):
        audit.record(Event.TEAM_RENAMED, by=person, target=target, at=AT)

    assert _verify(_chain_of(first)) == [1, 2]
    assert _verify(_chain_of(second)) == [1]
    assert _verify(HOUSE) == [1, 2]


@pytest.mark.django_db
def test_record_many_numbers_each_chain_in_the_order_given(django_assert_num_queries):
    first, second = TeamFactory(), TeamFactory()
    entries = [
        Entry(event=Event.TEAM_RENAMED, by=None, target=team, at=AT, facts={"n": n})
        for n, team in enumerate([second, first, second, first, first])
    ]

    with django_assert_num_queries(8):
        audit.record_many(entries)

    assert _verify(_chain_of(first)) == [1, 2, 3]
    assert _verify(_chain_of(second)) == [1, 2]
    rows = AuditEvent.objects.filter(chain=_chain_of(first)).order_by("number")
    assert [row.facts["n"] for row in rows] == [1, 3, 4]


@pytest.mark.django_db
def test_record_many_of_nothing_does_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        audit.record_many([])


@pytest.mark.django_db
def test_a_chain_survives_storing_whatever_the_facts_are(game, reviewer):
    at = AT.astimezone(timezone(timedelta(hours=8))).replace(microsecond=123456)
    audit.record(
        Event.PAYMENT_REQUESTED,
        by=reviewer,
        target=game,
        at=at,
        text='中文 “皮肤” \U0001f3ae \\ " \n',
        number=10**12,
        before={"b": [1, None, True], "a": {}},
        label=str(gettext_lazy("Pending")),
    )

    assert _verify(_chain_of(game.team)) == [1]
    assert AuditEvent.objects.get().at == at


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("event", "payment_rejected"),
        ("actor", "somebody@example.com"),
        ("actor_id", None),
        ("role", "operator"),
        ("game", "mg_other"),
        ("object_type", "Team"),
        ("object_id", "0"),
        ("object_label", "other"),
        ("facts", {}),
        ("request_id", "x"),
        ("team_id", None),
        ("number", 2),
        ("chain", "house"),
        ("at", AT + timedelta(microseconds=1)),
    ],
)
def test_the_hash_covers_every_field(game, reviewer, name, value):
    audit.record(Event.PAYMENT_APPROVED, by=reviewer, target=game, at=AT, note="n")
    row = AuditEvent.objects.get()
    assert row.hash == audit.digest("", row)

    setattr(row, name, value)

    assert row.hash != audit.digest("", row)


@pytest.mark.django_db
def test_the_hash_covers_the_predecessor(game, reviewer):
    for _ in range(2):
        audit.record(Event.PAYMENT_APPROVED, by=reviewer, target=game, at=AT)

    first, second = AuditEvent.objects.order_by("number")

    assert second.hash == audit.digest(first.hash, second)
    assert second.hash != audit.digest("", second)


@pytest.mark.django_db(transaction=True)
def test_record_outside_a_transaction_is_a_bug():
    team = TeamFactory()

    with pytest.raises(transaction.TransactionManagementError):
        audit.record(Event.TEAM_CREATED, by=None, target=team, at=AT)

    assert AuditEvent.objects.count() == AuditHead.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_an_act_that_is_rolled_back_leaves_no_event_and_no_gap(game):
    def act(*, fails):
        with transaction.atomic():
            game.name = "Renamed"
            game.save()
            audit.record(Event.GAME_RENAMED, by=None, target=game, at=AT)
            if fails:
                raise RuntimeError

    for fails in (False, True, False):
        if fails:
            with pytest.raises(RuntimeError):
                act(fails=True)
        else:
            act(fails=False)

    assert _verify(_chain_of(game.team)) == [1, 2]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.update(actor="x"),
        lambda rows: rows.delete(),
        lambda rows: rows.filter(pk=rows.get().pk).update(actor="x"),
        lambda rows: rows.bulk_update([rows.get()], ["actor"]),
    ],
    ids=["update", "delete", "filtered", "bulk_update"],
)
def test_rows_cannot_be_changed_or_deleted(game, change):
    audit.record(Event.GAME_CREATED, by=None, target=game, at=AT)
    before = AuditEvent.objects.values().get()

    with pytest.raises(TypeError, match="append-only"), transaction.atomic():
        change(AuditEvent.objects.all())

    assert AuditEvent.objects.values().get() == before


@pytest.mark.postgresql
@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE kit_auditevent SET actor = 'x'",
        "DELETE FROM kit_auditevent",
        "UPDATE kit_auditevent SET hash = hash",
        "TRUNCATE kit_auditevent",
    ],
)
def test_postgresql_refuses_to_change_or_delete_rows(game, statement):
    audit.record(Event.GAME_CREATED, by=None, target=game, at=AT)
    before = AuditEvent.objects.values().get()
    # What the tests' own setup takes away.
    connection.cursor().execute("ALTER TABLE kit_auditevent ENABLE TRIGGER kit_audit_not_emptied")

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute(statement)

    assert AuditEvent.objects.values().get() == before


@pytest.mark.django_db(transaction=True)
def test_eight_threads_number_one_chain_without_gaps():
    team = TeamFactory()

    def act():
        for _ in range(5):
            with transaction.atomic():
                audit.record(Event.TEAM_RENAMED, by=None, target=team, at=AT)

    answers = together(*[act] * 8)

    assert answers == [None] * 8
    assert _verify(_chain_of(team)) == list(range(1, 41))


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_batches_over_the_same_chains_in_any_order_do_not_deadlock():
    targets = [MiniGameFactory() for _ in range(4)]

    def act(seed):
        order = random.Random(seed).sample(targets, k=4)  # noqa: S311 -- an order, not a secret
        with transaction.atomic():
            audit.record_many(
                Entry(event=Event.GAME_RENAMED, by=None, target=target, at=AT) for target in order
            )

    for round_ in range(5):
        answers = together(*[partial(act, seed=round_ * 8 + n) for n in range(8)])

        assert answers == [None] * 8
    for target in targets:
        assert _verify(_chain_of(target.team)) == list(range(1, 41))


@pytest.mark.django_db
def test_members_are_remembered_in_their_teams_chain_and_people_in_the_houses(team):
    member = MembershipFactory(team=team)

    audit.record(Event.MEMBER_JOINED, by=member.user, target=member, at=AT)
    audit.record(Event.SIGNED_IN, by=member.user, target=member.user, at=AT)

    joined, signed_in = AuditEvent.objects.order_by("pk")
    assert (joined.chain, joined.role, joined.team_id) == (
        _chain_of(team),
        "developer",
        team.pk,
    )
    assert (signed_in.chain, signed_in.role, signed_in.team_id) == (HOUSE, "", None)
