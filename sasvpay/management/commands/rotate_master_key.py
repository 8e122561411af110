"""`manage.py rotate_master_key`: put every secret at rest under the first of MASTER_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sasvpay import master_key


class Command(BaseCommand):
    """Re-encrypt while the console serves; safe to run twice."""

    help = (
        "Puts every stored secret under the first of MASTER_KEYS. Run it when every process knows "
        "the new key; when it says that nothing is left, the old key may be taken out."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what became of each column; exit with 1 if something cannot be read."""
        unreadable = 0
        for report in master_key.rotate():
            unreadable += len(report.unreadable)
            self.stdout.write(
                f"{report.column}: {report.renewed} re-encrypted, {report.current} were already."
            )
            for pk in report.unreadable:
                self.stdout.write(f"{report.column}: row {pk} cannot be read.")
        if unreadable:
            raise CommandError(
                f"Rows that no master key opens: {unreadable}. Put the key that is missing back "
                "into MASTER_KEYS and run this again; take no key out before."
            )
