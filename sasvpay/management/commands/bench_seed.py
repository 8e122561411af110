"""`manage.py bench_seed`: millions of invented orders, to measure with."""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from sasvpay import seeding


class Command(BaseCommand):
    """Fill a database for the benchmarks."""

    help = "Add invented orders of the last 12 months, in a team of their own (PostgreSQL only)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--orders", type=int, default=5_000_000)
        parser.add_argument("--games", type=int, default=10)

    def handle(self, *args: Any, **options: Any) -> None:
        """Refuse where invented sales would be taken for real ones, and where COPY is unknown."""
        if settings.PRODUCTION:
            raise CommandError("Invented orders would count as sales; refused when PRODUCTION=1.")
        if connection.vendor != "postgresql":
            raise CommandError("COPY is PostgreSQL's: set DATABASE_URL=postgres://… and migrate.")
        if options["orders"] < 1 or options["games"] < 1:
            raise CommandError("--orders and --games are at least 1.")
        started = time.perf_counter()
        team = seeding.seed(orders=options["orders"], games=options["games"], at=timezone.now())
        seconds = time.perf_counter() - started
        self.stdout.write(f"{options['orders']:,} orders in team {team.name}, {seconds:.0f} s.")
