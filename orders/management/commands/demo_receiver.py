"""`manage.py demo_receiver`: a developer's server that takes delivery notifications."""

import asyncio
import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orders.arguments import not_negative, share
from orders.demo_server import Behaviour, Memory, Receiver, serve


class Command(BaseCommand):
    """Run a developer's server, which can be told to fail, hang and answer garbage."""

    help = (
        "Run a developer's server. GET /stats, GET /numbers?prefix=, POST /behave with"
        ' {"fail_rate": 0.5, …}, POST /reset; every other POST is a notification.'
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8001)
        for name, what in (
            ("fail", "answered with HTTP 500"),
            ("hang", "not answered"),
            ("garbage", "answered with garbage"),
        ):
            parser.add_argument(f"--{name}-rate", type=share, default=0.0, help=f"share {what}")
        parser.add_argument(
            "--delay-ms", type=not_negative, default=0.0, help="pause before each answer"
        )
        parser.add_argument("--key", default="", help="delivery key: verify the signatures")
        parser.add_argument("--log", type=Path, help="file to which each notification is added")
        parser.add_argument("--state", type=Path, help="file that remembers what was accepted")

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen until SIGTERM or Ctrl-C."""
        behaviour = Behaviour(
            **{
                name: options[name]
                for name in ("fail_rate", "hang_rate", "garbage_rate", "delay_ms")
            }
        )
        try:
            memory = Memory(options["state"])
            receiver = Receiver(
                behaviour=behaviour, memory=memory, key=options["key"], log=options["log"]
            )
            asyncio.run(self._serve(receiver, options["host"], options["port"]))
        except OSError as problem:
            raise CommandError(f"The demo receiver cannot start: {problem}.") from problem

    async def _serve(self, receiver: Receiver, host: str, port: int) -> None:
        told_to_stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told_to_stop.set)
        await serve(receiver, host=host, port=port, until=told_to_stop)
