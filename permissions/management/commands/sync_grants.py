"""Re-apply the permission matrix to every member, after a deployment that changed it."""

from typing import Any

from django.core.management.base import BaseCommand

from permissions import teams


class Command(BaseCommand):
    """`manage.py sync_grants`."""

    help = "Makes the stored grants of all members equal to the matrix."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print how many grants were added or taken away."""
        changed = teams.sync_grants()
        self.stdout.write(f"Grants changed: {changed}.")
