"""`manage.py serve`: check, prepare, then run and supervise every process of the product.

Without arguments: web, worker, scheduler and dispatcher, on one machine. With arguments: only those,
prepared by nobody (`migrate`, `createcachetable` and `collectstatic` are then a step of the
deployment), for running them on several machines.
"""

import socket
import sys
import time
from argparse import ArgumentParser
from functools import partial
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from django.conf import settings
from django.core.management import BaseCommand, CommandError, call_command
from django.db import OperationalError, connection

from sasvpay.supervisor import Supervisor

PARTS: Final = ("web", "worker", "scheduler", "dispatcher")
PYTHON: Final = sys.executable


class Command(BaseCommand):
    """Run the product."""

    help = "Check, migrate, then run and supervise web, worker, scheduler and dispatcher."
    # What `handle` checks is what runs; the default would only print warnings.
    requires_system_checks: Final[list[str]] = []  # type: ignore[misc]  # -- Django's stubs allow "__all__" or a list, as we give

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("parts", nargs="*", help=f"only these: {', '.join(PARTS)}")
        parser.add_argument("--host", default="127.0.0.1", help="address that the web server binds")
        parser.add_argument("--web-workers", type=int, default=2)
        parser.add_argument("--web-threads", type=int, default=8)
        parser.add_argument(
            "--demo", action="store_true", help="load demo data and start the demo receiver too"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything, and stop it on Ctrl-C or SIGTERM."""
        parts = options["parts"] or list(PARTS)
        if unknown := set(parts) - set(PARTS):
            raise CommandError(f"Unknown: {', '.join(sorted(unknown))}. Known: {', '.join(PARTS)}.")
        self._check()
        self._reach_database()
        if not options["parts"]:
            self._prepare()
        if "web" in parts:
            self._refuse_taken_port(options["host"], settings.PORT)
        commands = {part: self._command_of(part, options) for part in parts}
        if options["demo"]:
            call_command("demo", receiver_port=settings.PORT + 1, quiet=True)
            commands["receiver"] = self._receiver()
        announce = partial(self._announce if "web" in parts else self._name_parts, options)
        Supervisor(commands, say=self._say).run(on_started=announce)

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _check(self) -> None:
        if settings.PRODUCTION:
            call_command("check", deploy=True, fail_level="WARNING")
        else:
            call_command("check")

    def _reach_database(self) -> None:
        try:
            connection.ensure_connection()
        except OperationalError as problem:
            place = connection.settings_dict
            raise CommandError(
                f"The database {place['NAME']} at {place['HOST'] or 'this machine'} cannot be "
                f"reached ({problem}). Is it running, and is DATABASE_URL right?"
            ) from problem

    def _prepare(self) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        if settings.PRODUCTION:
            call_command("collectstatic", verbosity=0, interactive=False)

    def _refuse_taken_port(self, host: str, port: int) -> None:
        with socket.socket() as probe:
            probe.settimeout(1)
            is_answered = probe.connect_ex((host, port)) == 0
        with socket.socket() as probe:
            # As the server will: connections that only linger do not stand in the way.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                problem = "in use" if is_answered else ""
            except OSError as refusal:
                problem = refusal.strerror or str(refusal)
        if problem:
            raise CommandError(
                f"Port {port} cannot be used ({problem}). "
                f"Stop what uses it, or choose another: PORT={port + 10} make run"
            )

    def _command_of(self, part: str, options: dict[str, Any]) -> list[str]:
        celery = [PYTHON, "-m", "celery", "--quiet", "-A", "sasvpay"]
        return {
            "web": [
                PYTHON, "-m", "granian", "--interface", "wsgi", "--no-ws",
                "--host", options["host"], "--port", str(settings.PORT),
                "--workers", str(options["web_workers"]),
                "--blocking-threads", str(options["web_threads"]),
                "--backlog", "2048", "--backpressure", "64",
                "--respawn-failed-workers", "--workers-kill-timeout", "8",
                "--log-level", "error",
                "sasvpay.wsgi:application",
            ],
            "worker": [
                *celery, "worker", "--pool", "threads", "--concurrency", "4",
                "--loglevel", "WARNING", "--without-mingle", "--without-gossip",
            ],
            "scheduler": [*celery, "beat", "--loglevel", "WARNING", "--pidfile="],
            "dispatcher": [PYTHON, "manage.py", "dispatch"],
        }[part]  # fmt: skip

    def _receiver(self) -> list[str]:
        state = settings.DATA_DIR / "demo_receiver.txt"
        return [
            PYTHON, "manage.py", "demo_receiver",
            "--port", str(settings.PORT + 1), "--state", str(state),
        ]  # fmt: skip

    def _name_parts(self, options: dict[str, Any]) -> None:
        self._say(f"\nRunning: {', '.join(options['parts'])}   (stop with Ctrl-C)\n")

    def _announce(self, options: dict[str, Any]) -> None:
        """Say where the console is, once it answers."""
        for _attempt in range(150):
            try:
                with urlopen(f"http://127.0.0.1:{settings.PORT}/healthz", timeout=1):
                    break
            except (URLError, OSError):
                time.sleep(0.1)
        self._say(f"\nThe console is at {settings.SITE_URL}   (stop it with Ctrl-C)\n")
        if options["demo"]:
            call_command("demo", receiver_port=settings.PORT + 1, stdout=self.stdout)
