"""The trail is verified: whatever is done to it behind our back is found, and where."""

import json
import random
from datetime import timedelta
from functools import partial

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from permissions import anchors
from sasvpay.kit import audit, audit_check
from sasvpay.kit.audit import Entry, Event
from sasvpay.kit.models import AuditEvent, AuditHead
from tests.factories import AT, TeamFactory, UserFactory
from tests.permissions import letters
from tests.threads import together

LENGTH = 40
COLUMNS = ("event", "actor", "role", "game", "object_type", "object_id", "object_label")
WAYS = ("edit", "facts", "time", "delete", "swap", "renumber", "rehash", "cut")


@pytest.fixture
def chain(db):
    team = TeamFactory()
    with transaction.atomic():
        _free_the_rows()
        audit.record_many(
            Entry(Event.TEAM_RENAMED, by=None, target=team, at=AT, facts={"n": n})
            for n in range(LENGTH)
        )
        yield f"team:{team.pk}"
        transaction.set_rollback(True)


def _free_the_rows():
    """Do what somebody with the database's password would do first."""
    if connection.vendor == "postgresql":
        _sql("ALTER TABLE kit_auditevent DISABLE TRIGGER kit_audit_append_only")


def _sql(statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _set(chain, where, /, **columns):
    for column, value in columns.items():
        _sql(
            f"UPDATE kit_auditevent SET {column} = %s WHERE chain = %s AND number = %s",  # noqa: S608 -- columns of this test
            value, chain, where,
        )  # fmt: skip


def _numbers(chain, kept=None):
    return {fault.number for fault in audit_check.faults(chain, kept or {})}


def _tamper(chain, way, chance):
    """Change one thing, and return the numbers of which at least one must be told."""
    number = chance.randint(1, LENGTH - 1)
    if way == "edit":
        _set(chain, number, **{chance.choice(COLUMNS): "x"})
    elif way == "facts":
        _set(chain, number, facts=json.dumps({"n": -1}))
    elif way == "time":
        _set(chain, number, at=AT + timedelta(seconds=chance.randint(1, 9)))
    elif way == "delete":
        _sql("DELETE FROM kit_auditevent WHERE chain = %s AND number = %s", chain, number)
    elif way == "swap":
        other = chance.choice([n for n in range(1, LENGTH + 1) if n != number])
        for now, then in ((number, -1), (other, number), (-1, other)):
            _set(chain, now, number=then)
        return {number, other}
    elif way == "renumber":
        _set(chain, number, number=LENGTH + 5)
    elif way == "rehash":
        # The thief computes the changed event's hash anew: the next one tells.
        row = AuditEvent.objects.get(chain=chain, number=number)
        row.actor = "x"
        before = AuditEvent.objects.filter(chain=chain, number=number - 1).first()
        _set(chain, number, actor="x", hash=audit.digest(before.hash if before else "", row))
        return {number + 1}
    else:
        _sql("DELETE FROM kit_auditevent WHERE chain = %s AND number > %s", chain, number)
        return {number + 1}
    return {number}


def test_each_of_a_thousand_edits_deletions_and_swaps_is_found_where_it_was_made(chain):
    missed = []
    for seed in range(1000):
        chance = random.Random(seed)  # noqa: S311 -- a repeatable choice, not a secret
        way = WAYS[seed % len(WAYS)]
        point = transaction.savepoint()
        expected = _tamper(chain, way, chance)
        if not expected & _numbers(chain):
            missed.append((seed, way))
        transaction.savepoint_rollback(point)

    assert missed == []
    assert _numbers(chain) == set()


def test_all_changes_of_one_chain_are_told_each_in_its_place(chain):
    _set(chain, 5, actor="x")
    _set(chain, 9, role="x")
    _sql("DELETE FROM kit_auditevent WHERE chain = %s AND number IN (20, 21)", chain)
    _sql("DELETE FROM kit_auditevent WHERE chain = %s AND number = 40", chain)

    found = [(fault.number, fault.problem.split(":")[0]) for fault in audit_check.faults(chain, {})]

    assert found == [
        (5, "does not match its hash"),
        (9, "does not match its hash"),
        (20, "missing"),
        (40, "the end is cut off"),
    ]


def test_an_event_that_was_added_by_hand_is_found(chain):
    last = AuditEvent.objects.get(chain=chain, number=LENGTH)
    forged = AuditEvent.objects.get(pk=last.pk)
    forged.pk, forged.number = None, LENGTH + 1
    forged.hash = audit.digest(last.hash, forged)
    AuditEvent.objects.bulk_create([forged])

    assert _numbers(chain) == {LENGTH + 1}
    _set(chain, LENGTH + 1, number=0)
    assert _numbers(chain) == {0}


def _rewrite(chain, *, last):
    """Cut a chain and make its head agree: only what is kept elsewhere can tell."""
    _sql("DELETE FROM kit_auditevent WHERE chain = %s AND number > %s", chain, last)
    end = AuditEvent.objects.filter(chain=chain, number=last).first()
    AuditHead.objects.filter(pk=chain).update(number=last, hash=end.hash if end else "")


@pytest.mark.parametrize("last", [0, 1, LENGTH - 1])
def test_a_tail_cut_together_with_its_head_is_found_by_the_anchor(chain, last):
    kept = audit_check.read_anchors(["Dear keeper,", audit_check.anchor(AT), "{broken audit_heads"])
    assert _numbers(chain, kept[chain]) == set()

    _rewrite(chain, last=last)

    assert _numbers(chain) == set()
    assert _numbers(chain, kept[chain]) == {last + 1}


def test_a_chain_rewritten_to_its_end_is_found_by_the_anchor(chain):
    kept = audit_check.read_anchors([audit_check.anchor(AT)])
    previous = AuditEvent.objects.get(chain=chain, number=29).hash
    for row in AuditEvent.objects.filter(chain=chain, number__gte=30).order_by("number"):
        row.actor = "somebody else"
        previous = audit.digest(previous, row)
        _set(chain, row.number, actor=row.actor, hash=previous)
    AuditHead.objects.filter(pk=chain).update(hash=previous)

    assert _numbers(chain) == set()
    assert _numbers(chain, kept[chain]) == {LENGTH}


def test_a_chain_whose_head_is_gone_or_that_is_gone_altogether_is_found(chain):
    kept = audit_check.read_anchors([audit_check.anchor(AT)])

    AuditHead.objects.filter(pk=chain).delete()
    assert _numbers(chain) == {1}
    _sql("DELETE FROM kit_auditevent WHERE chain = %s", chain)

    assert chain not in audit_check.chains({})
    assert chain in audit_check.chains(kept)
    assert _numbers(chain, kept[chain]) == {1}


def test_the_command_says_which_event_of_which_chain_and_fails(chain, capsys, tmp_path):
    call_command("verify_audit")
    assert "Nothing was changed" in capsys.readouterr().out
    call_command("verify_audit", "--print-anchor")
    kept = tmp_path / "anchors"
    kept.write_text(capsys.readouterr().out)
    call_command("verify_audit", anchors=kept)
    assert "Nothing was changed" in capsys.readouterr().out

    _set(chain, 7, actor="x")

    with pytest.raises(CommandError, match="Faults found: 1"):
        call_command("verify_audit")
    assert f"{chain} #7: does not match its hash" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "no anchor in here"])
def test_the_command_refuses_anchors_it_cannot_read(db, tmp_path, content):
    path = tmp_path / "anchors"
    if content is not None:
        path.write_text(content)

    with pytest.raises(CommandError, match=r"cannot be read|holds no anchor"):
        call_command("verify_audit", anchors=path)


def test_every_day_the_super_admin_is_mailed_where_the_trail_ends(chain, super_admin):
    UserFactory()

    assert anchors.send(at=AT) == 1

    [letter] = letters.bodies(super_admin.email)
    assert audit_check.read_anchors(letter.splitlines())[chain][LENGTH] == (
        AuditHead.objects.get(pk=chain).hash
    )


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_chain_that_grows_meanwhile_is_not_called_broken():
    team = TeamFactory()

    def act():
        for _ in range(60):
            with transaction.atomic():
                audit.record(Event.TEAM_RENAMED, by=None, target=team, at=AT)

    def verify():
        found: list[audit_check.Fault] = []
        for _ in range(60):
            found += audit_check.faults(f"team:{team.pk}", {})
        return found

    assert together(act, partial(act), verify) == [None, None, []]
