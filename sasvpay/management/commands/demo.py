"""`manage.py demo`: load demo data, and print who may sign in (or, with --json, all of it)."""

import json
import shlex
from argparse import ArgumentParser
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from permissions.matrix import Role
from sasvpay import demonstration

DEFAULT_PORT: Final = 8000


class Command(BaseCommand):
    """Load and print the demo."""

    help = "Load demo people, teams, games and items, and print who may sign in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--json", action="store_true", help="print everything, for scripts")
        parser.add_argument("--quiet", action="store_true", help="print nothing")
        parser.add_argument("--receiver-port", type=int, default=settings.PORT + 1)

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse in production: the demo's passwords are known to everybody."""
        if settings.PRODUCTION:
            raise CommandError("The demo has known passwords; it is refused when PRODUCTION=1.")
        now = timezone.now()
        url = f"http://127.0.0.1:{options['receiver_port']}/notify"
        try:
            demonstration.load(receiver_url=url, at=now)
        except ImproperlyConfigured as problem:
            raise CommandError(str(problem)) from problem
        if options["quiet"]:
            return
        described = demonstration.describe(receiver_url=url, at=now)
        if options["json"]:
            self.stdout.write(json.dumps(described, indent=2, ensure_ascii=False))
        else:
            self._print(described)

    def _print(self, described: dict[str, Any]) -> None:
        password = demonstration.plan()["password"]
        self.stdout.write(f"Who may sign in (password of all: {password}):")
        for person in described["people"]:
            role = Role(person["role"]).label
            self.stdout.write(f"  {person['email']:<24} {person['name']:<14} {role}")
        self.stdout.write(f"Demo game {described['app_id']}; pay in it, in another terminal:")
        self.stdout.write(f"  {_surroundings()}.venv/bin/python manage.py simulate --count 20")


def _surroundings() -> str:
    """Return what another terminal has to say to reach this console."""
    folder = settings.DATA_DIR
    told = {
        "PORT": str(settings.PORT) if settings.PORT != DEFAULT_PORT else "",
        "DATA_DIR": shlex.quote(str(folder)) if folder != settings.BASE_DIR / "var" else "",
        # It may hold a password.
        "DATABASE_URL": "" if connection.vendor == "sqlite" else "…",
    }
    return "".join(f"{name}={it} " for name, it in told.items() if it)
