"""`manage.py rebuild_rollup`: compute the dashboards' daily figures anew."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.utils import timezone

from aftersales import rollup as refunds
from orders import rollup as sales
from permissions.models import MiniGame


class Command(BaseCommand):
    """Rebuild the daily figures."""

    help = (
        "Compute the daily figures of the dashboards anew, from orders and refunds. Needed after "
        "CONSOLE_TIME_ZONE was changed; harmless at any time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--game", metavar="APP_ID", help="only this mini game")
        parser.add_argument(
            "--since", type=date.fromisoformat, metavar="YYYY-MM-DD", help="only from this day on"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild both kinds and say how much there was."""
        game, since = self._game(options["game"]), options["since"]
        sold = sales.rebuild(at=timezone.now(), game=game, since=since)
        refunded = refunds.rebuild(game=game, since=since)
        self.stdout.write(f"Computed anew: {sold} days of sales, {refunded} days of refunds.")

    def _game(self, app_id: str | None) -> MiniGame | None:
        if app_id is None:
            return None
        game = MiniGame.objects.filter(app_id=app_id).first()
        if game is None:
            raise CommandError(f"There is no mini game {app_id!r}.")
        return game
