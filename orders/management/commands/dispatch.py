"""`manage.py dispatch`: push what is due to the developers' servers, until told to stop."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand

from orders.dispatcher import Dispatcher


class Command(BaseCommand):
    """Run one dispatcher; several may run at once, on several machines."""

    help = "Push delivery notifications to the developers' servers, until SIGTERM or Ctrl-C."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal, finish what is in flight, and return."""
        asyncio.run(_dispatch())


async def _dispatch() -> None:
    dispatcher = Dispatcher()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, dispatcher.stop)
    await dispatcher.run()
