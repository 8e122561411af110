"""`manage.py simulate`: a superapp that sends purchases and refunds, and then compares counts."""

import asyncio
import json
import socket
import sys
import time
from argparse import ArgumentParser
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from items.models import ItemVersion
from orders import simulation_report
from orders.arguments import at_least_one, not_negative, share
from orders.models import DeliveryConfig
from orders.simulation import Scenario, Superapp, Ware
from permissions.models import CallbackKey, MiniGame
from sasvpay.kit import crypto

DEFAULT_WARES = [Ware("gold_100", 100)]


class Command(BaseCommand):
    """Send purchases and refunds; fail if answers, database and receiver do not agree at the end."""

    help = (
        "Play the superapp: sign purchases, send them, compare answers, database and receiver."
        " What is not given is taken from the demo game."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--url", help="callback address, …/callback/<app_id>")
        parser.add_argument("--key", help="callback key")
        parser.add_argument("--items", help="what is bought: id:price_in_cents,…")
        parser.add_argument("--receiver", help="address of the demo receiver; empty: do not ask")
        parser.add_argument("--count", type=at_least_one, default=2000, help="purchases")
        parser.add_argument(
            "--rate", type=not_negative, default=0.0, help="per second; 0: no limit"
        )
        parser.add_argument("--concurrency", type=at_least_one, default=32, help="at a time")
        parser.add_argument(
            "--duplicates", type=share, default=0.2, help="share sent twice at once"
        )
        parser.add_argument("--wrong-signatures", type=share, default=0.0, help="share forged")
        parser.add_argument(
            "--refunds", type=share, default=0.0, help="share refunded: early, by halves, too much"
        )
        parser.add_argument("--env", choices=["0", "1"], default="0", help="0: live, 1: test")
        parser.add_argument("--prefix", help="of the order numbers; default: new each time")
        parser.add_argument(
            "--timeout",
            type=not_negative,
            default=60.0,
            help="seconds for an answer, and for delivery",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Send, wait for delivery, report; exit with 1 on any difference."""
        options = {**options, **_demo(options)}
        if not (options["url"] and options["key"]):
            raise CommandError("There is no demo game here: give --url and --key.")
        superapp = Superapp(_scenario(options))
        _refuse_silence(options["url"])
        asyncio.run(self._send(superapp))
        app_id = urlsplit(options["url"]).path.rpartition("/")[2]
        counts = simulation_report.count(
            superapp, app_id=app_id, receiver=options["receiver"], seconds=options["timeout"]
        )
        simulation_report.describe(superapp, counts, say=self.stdout.write)
        problems = [
            *(f"{number}: answered {it}" for number, it in superapp.tally.surprises.items()),
            *counts.differences(),
        ]
        if problems:
            raise CommandError("The counts differ.\n" + "\n".join(problems[:20]))
        self.stdout.write(self.style.SUCCESS("All counts agree."))

    async def _send(self, superapp: Superapp) -> None:
        began = time.monotonic()
        sending = asyncio.create_task(superapp.run())
        while True:
            done, _waiting = await asyncio.wait([sending], timeout=0.25)
            self._show(superapp, time.monotonic() - began, is_last=bool(done))
            if done:
                return sending.result()

    def _show(self, superapp: Superapp, seconds: float, *, is_last: bool) -> None:
        # A line that is written over, where there is somebody to watch it.
        if not (is_last or sys.stdout.isatty()):
            return
        finished, count = superapp.tally.finished, superapp.scenario.count
        self.stdout.write(
            f"\r{finished:,} of {count:,} purchases, {finished / seconds:,.0f} a second",
            ending="\n" if is_last else "",
        )
        self.stdout.flush()


def _scenario(options: dict[str, Any]) -> Scenario:
    return Scenario(
        url=options["url"],
        key=options["key"],
        wares=_wares(options["items"]) if options["items"] else DEFAULT_WARES,
        prefix=options["prefix"] or time.strftime("S%Y%m%d%H%M%S_", time.gmtime()),
        env=options["env"],
        count=options["count"],
        rate=options["rate"],
        concurrency=options["concurrency"],
        duplicates=options["duplicates"],
        wrong_signatures=options["wrong_signatures"],
        refunds=options["refunds"],
        give_up_seconds=options["timeout"],
    )


def _refuse_silence(url: str) -> None:
    """Say at once that there is no console, instead of trying all purchases for a minute."""
    try:
        address = urlsplit(url)
        port = address.port or (443 if address.scheme == "https" else 80)
        socket.create_connection((address.hostname or "", port), timeout=5).close()
    except (OSError, ValueError) as problem:
        raise CommandError(
            f"Nothing listens at {url} ({problem}). Is the console running, and with this PORT?"
        ) from problem


def _wares(text: str) -> list[Ware]:
    try:
        pairs = [each.rsplit(":", 1) for each in text.split(",")]
        return [Ware(item_id, int(price_cents)) for item_id, price_cents in pairs]
    except ValueError as problem:
        raise CommandError("--items is id:price_in_cents,id:price_in_cents,…") from problem


def _demo(options: dict[str, Any]) -> dict[str, Any]:
    """Return what was not given, from the demo game where this database has one."""
    given = {name: options[name] for name in ("url", "key", "items", "receiver")}
    defaults: dict[str, Any] = {"receiver": ""}
    # Only for its own game: another game's key and receiver are not the demo's.
    if given["url"] is None:
        with suppress(Error, MiniGame.DoesNotExist, CallbackKey.DoesNotExist):
            defaults = _demo_game()
    return {name: defaults.get(name) if it is None else it for name, it in given.items()}


def _demo_game() -> dict[str, Any]:
    fixture = json.loads((settings.BASE_DIR / "fixtures" / "demo.json").read_text("utf-8"))
    game = MiniGame.objects.get(app_id=fixture["teams"][0]["games"][0]["app_id"])
    key = CallbackKey.objects.get(game=game, retires_at=None)
    on_sale = ItemVersion.objects.filter(item__game=game, status=ItemVersion.Status.RELEASED)
    config = DeliveryConfig.objects.filter(game=game).first()
    address = urlsplit(config.url) if config else None
    return {
        "url": f"{settings.SITE_URL}/callback/{game.app_id}",
        "key": crypto.decrypt(key.secret_encrypted),
        "items": ",".join(
            f"{it.item.item_id}:{it.price_cents}" for it in on_sale.select_related("item")
        ),
        "receiver": f"{address.scheme}://{address.netloc}" if address else "",
    }
