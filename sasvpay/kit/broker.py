"""The broker in files, where there is no Redis: kombu's, but a message appears there whole."""

import uuid
from pathlib import Path
from time import monotonic
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):
    """kombu's makes the file and then writes it: a worker that looked between the two died of it."""

    def _put(  # type: ignore[override]  # -- in the stubs the two bases do not agree
        self, queue: str, payload: Any, **options: Any
    ) -> None:
        folder = Path(self.data_folder_out)
        # Nobody takes it under this name: its queue is none.
        half = folder / f"{uuid.uuid4()}.half"
        try:
            half.write_bytes(dumps(payload).encode())
            # Workers take messages in the order of their names.
            half.replace(folder / f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg")
        except OSError as problem:
            half.unlink(missing_ok=True)
            raise ChannelError(f"A message cannot be added to {folder}: {problem}") from problem


class Transport(filesystem.Transport):
    """Celery finds it by its name, in `CELERY_BROKER_TRANSPORT`."""

    Channel = Channel
