"""`manage.py purge`: delete what is older than RETENTION_MONTHS; used numbers stay used."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management import BaseCommand
from django.utils import timezone

from orders.retention import SETTLED
from sasvpay import retention


class Command(BaseCommand):
    """Purge old records while the console serves; safe to stop, and to run again."""

    help = (
        "Deletes orders, refunds, deliveries, conflicts, imports, jobs and letters that are older "
        "than RETENTION_MONTHS. What is still owed stays. The numbers of orders and refunds stay "
        "used; they are left a minute before the rows go. Run it daily."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the option."""
        parser.add_argument("--dry-run", action="store_true", help="only say how much would go")

    def handle(self, *args: Any, **options: Any) -> None:
        """Leave the numbers, wait until every statement knows them, then delete."""
        at = timezone.now()
        before = retention.cutoff(at=at)
        if options["dry_run"]:
            self._say("would go", retention.count(before=before))
            return
        if retention.leave_numbers(before=before, at=at):
            time.sleep(SETTLED.total_seconds())
        self._say("deleted", retention.remove(before=before, at=timezone.now()))

    def _say(self, what: str, counts: retention.Counts) -> None:
        for name, number in counts.items():
            self.stdout.write(f"{name}: {number} {what}")
