"""`manage.py states`: every state machine as a diagram, printed, written to the README or checked."""

import re
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from sasvpay.kit.state import Stateful

if TYPE_CHECKING:
    from django.db.models import Field

BEGIN: Final = "<!-- states -->"
END: Final = "<!-- /states -->"
_SECTION: Final = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)


def machines() -> list[type[Stateful]]:
    """Return every model that follows a table of its own, by name."""
    found = [model for model in apps.get_models() if issubclass(model, Stateful)]
    return sorted(found, key=lambda model: model.__name__)


def diagram(model: type[Stateful]) -> str:
    """Return one machine in Mermaid's words."""
    return "\n".join(["stateDiagram-v2", *(f"    {line}" for line in _lines(model))])


def _lines(model: type[Stateful]) -> Iterator[str]:
    field = cast("Field[Any, Any]", model._meta.get_field("status"))
    # In the order of the choices, so that the text is the same on every run.
    statuses = [str(value) for value, _label in field.flatchoices]
    for value, label in field.flatchoices:
        yield f"{value}: {label}"
    if field.has_default():
        yield f"[*] --> {field.get_default()}"
    for status in statuses:
        followers = model.TRANSITIONS.get(status, frozenset())
        yield from (f"{status} --> {then}" for then in statuses if then in followers)
        if not followers:
            yield f"{status} --> [*]"


def section() -> str:
    """Return the README's section, with its markers."""
    with translation.override("en"):
        drawn = [
            f"### {model.__name__}\n\n```mermaid\n{diagram(model)}\n```" for model in machines()
        ]
    return "\n\n".join([BEGIN, *drawn, END])


class Command(BaseCommand):
    """Print the state machines; `--write` puts them into the README, `--check` compares."""

    help = "Draws every state machine as a Mermaid diagram."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take one of `--write` and `--check`."""
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--write", action="store_true", help="put them into README.md")
        choice.add_argument("--check", action="store_true", help="fail when README.md differs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what was asked."""
        readme = Path(settings.BASE_DIR) / "README.md"
        if options["write"]:
            text = _read(readme)
            readme.write_text(_SECTION.sub(lambda _found: section(), text), encoding="utf-8")
        elif options["check"]:
            if section() not in _read(readme):
                raise CommandError(
                    "README.md shows other state diagrams: run manage.py states --write."
                )
        else:
            self.stdout.write(section())


def _read(readme: Path) -> str:
    if not readme.exists():
        raise CommandError("There is no README.md to hold the state diagrams.")
    text = readme.read_text(encoding="utf-8")
    if not _SECTION.search(text):
        raise CommandError(f"README.md has no place for the state diagrams: {BEGIN} … {END}.")
    return text
