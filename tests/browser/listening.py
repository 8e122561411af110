"""The demo's developer server, in a thread: the browser keeps the test's own event loop busy."""

import asyncio
import socket
import threading

from orders.demo_server import Behaviour, Memory, Receiver, serve


class Listening:
    """A receiver on a free port; `behaviour` may be changed while it listens."""

    def __init__(self):
        self.receiver = Receiver(behaviour=Behaviour(), memory=Memory(None))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/notify"
        self._thread = threading.Thread(target=lambda: asyncio.run(self._listen()))

    def __enter__(self):
        self._ready = threading.Event()
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *raised):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def misbehave(self, **figures):
        self.receiver.behaviour = self.receiver.behaviour.changed(figures)

    async def _listen(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        serving = asyncio.create_task(
            serve(self.receiver, host="127.0.0.1", port=self.port, until=self._stop)
        )
        while not await self._answers():  # noqa: ASYNC110 -- a socket that listens raises no event
            await asyncio.sleep(0.01)
        self._ready.set()
        await serving

    async def _answers(self):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except ConnectionError:
            return False
        writer.close()
        await writer.wait_closed()
        return True
