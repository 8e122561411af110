"""The broker of one machine: kombu's messages in files, but each appears whole or not at all."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """Writes aside, then puts in place.

    kombu fills a file that stands already where others look: who looks in between reads an empty
    message, and a worker ends of it.
    """

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:  # type: ignore[override]  # -- its stubs call it message in one class, payload in the other
        folder = Path(self.data_folder_out)
        try:
            # As kombu names it: listed in the order of time.
            name = f"{round(time.monotonic() * 1000)}_{uuid4()}.{queue}.msg"
            _written_aside(folder, message).rename(folder / name)
        except OSError as problem:
            raise ChannelError(f"Cannot add a message to {folder}") from problem

    def _queue_bind(self, exchange: str, *binding: Any) -> None:
        file = Path(self.control_folder) / f"{exchange}.exchange"
        if not file.exists():
            empty = _written_aside(file.parent, [])
            with suppress(FileExistsError):
                file.hardlink_to(empty)
            empty.unlink()
        super()._queue_bind(exchange, *binding)


class Transport(filesystem.Transport):
    """kombu's transport with that channel."""

    Channel = Channel


def _written_aside(folder: Path, content: Any) -> Path:
    aside = folder / f"{uuid4()}.new"
    aside.write_text(dumps(content), "utf-8")
    return aside
