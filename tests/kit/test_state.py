"""Every pair of statuses of every machine: the table's moves work, all others are refused."""

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from permissions.management.commands import states
from permissions.models import PaymentRequest
from sasvpay.kit.state import InvalidTransitionError, Stateful

MACHINES = [model for model in apps.get_models() if issubclass(model, Stateful)]
PAIRS = [
    pytest.param(model, now, then, id=f"{model.__name__}-{now}-{then}")
    for model in MACHINES
    for now, _now in model._meta.get_field("status").flatchoices
    for then, _then in model._meta.get_field("status").flatchoices
]


@pytest.mark.parametrize(("model", "now", "then"), PAIRS)
def test_move_to_follows_the_table_and_nothing_else(model, now, then):
    subject = model(status=now)

    if then in model.TRANSITIONS.get(now, frozenset()):
        subject.move_to(then)

        assert subject.status == then
    else:
        with pytest.raises(InvalidTransitionError):
            subject.move_to(then)

        assert subject.status == now


@pytest.mark.parametrize("model", MACHINES, ids=lambda model: model.__name__)
def test_table_names_only_statuses_of_the_field(model):
    statuses = {value for value, _label in model._meta.get_field("status").flatchoices}

    named = set(model.TRANSITIONS).union(*model.TRANSITIONS.values())

    assert named <= statuses


@pytest.mark.parametrize("model", MACHINES, ids=lambda model: model.__name__)
def test_every_status_can_be_reached(model):
    field = model._meta.get_field("status")
    statuses = {value for value, _label in field.flatchoices}
    # A model without a default is made in more than one status.
    starts = {field.get_default()} if field.has_default() else statuses

    reached = starts.union(*model.TRANSITIONS.values())

    assert reached == statuses


def test_a_refused_move_says_both_statuses_in_words():
    request = PaymentRequest(status="approved")

    with pytest.raises(InvalidTransitionError) as refused:
        request.move_to("rejected")

    assert refused.value.message == "This is “Approved” and cannot become “Rejected”."
    assert refused.value.code == "invalid_transition"


def test_an_unknown_status_is_refused():
    request = PaymentRequest(status="pending")

    with pytest.raises(InvalidTransitionError):
        request.move_to("withdrawn")

    assert request.status == "pending"


def test_states_prints_every_machine(capsys):
    call_command("states")

    printed = capsys.readouterr().out
    assert [line[4:] for line in printed.splitlines() if line.startswith("### ")] == sorted(
        model.__name__ for model in MACHINES
    )
    assert "    pending --> approved\n    pending --> rejected\n    approved --> [*]\n" in printed


def test_states_writes_the_section_and_check_accepts_it(settings, tmp_path):
    settings.BASE_DIR = tmp_path
    readme = tmp_path / "README.md"
    readme.write_text("# Title\n\n<!-- states -->\nold\n<!-- /states -->\n\nEnd.\n")

    with pytest.raises(CommandError, match="states --write"):
        call_command("states", "--check")
    call_command("states", "--write")
    call_command("states", "--check")

    text = readme.read_text()
    assert text == f"# Title\n\n{states.section()}\n\nEnd.\n"
    assert "old" not in text


@pytest.mark.parametrize("option", ["--check", "--write"])
def test_states_without_a_readme_or_markers_says_so(settings, tmp_path, option):
    settings.BASE_DIR = tmp_path

    with pytest.raises(CommandError, match="There is no README"):
        call_command("states", option)
    (tmp_path / "README.md").write_text("# Title\n")
    with pytest.raises(CommandError, match="no place for the state diagrams"):
        call_command("states", option)

    assert (tmp_path / "README.md").read_text() == "# Title\n"
