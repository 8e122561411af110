"""A Redis and a PostgreSQL of one's own, to be stopped and started again."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.processes.console import free_ports


class Redis:
    """`redis-server` without a memory: what it held is gone with it, as at a failover."""

    def __init__(self):
        self.port = free_ports()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.serving: Any = None

    def start(self):
        self.serving = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._answers)

    def _answers(self):
        with redis.Redis(port=self.port) as client:
            try:
                return client.ping()
            except redis.ConnectionError:
                return False

    def stop(self):
        self.serving.kill()
        self.serving.wait()

    @contextmanager
    def hanging(self):
        """Accept connections, and answer nothing."""
        self.serving.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.serving.send_signal(signal.SIGCONT)

    def tell(self, *command):
        with redis.Redis(port=self.port) as client:
            return client.execute_command(*command)


class PostgreSQL:
    """A cluster of its own in a folder of its own; the server refuses to run as root."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="faults-"))
        self.port = free_ports()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        self.programs = programs[-1] if programs else Path(str(shutil.which("initdb"))).parent
        if os.getuid() == 0:
            shutil.chown(self.folder, "postgres")
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")

    def _run(self, program, *arguments):
        as_postgres = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        subprocess.run(
            [
                *(as_postgres if os.getuid() == 0 else []),
                self.programs / program, "-D", self.folder / "data", *arguments,
            ],
            check=True, stdout=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip

    def start(self):
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        self._run("pg_ctl", "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self):
        """Stop as a power cut does."""
        self._run("pg_ctl", "-m", "immediate", "stop")

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder)

    def one(self, question):
        """Return the one figure that a statement asks for."""
        with psycopg.connect(self.url) as asking:
            row = asking.execute(question).fetchone()
        assert row is not None
        return row[0]


def wait_until(is_so, seconds=60):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def peak_megabytes(pid):
    """Return the most memory that a process ever held."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def forget_peak(pid):
    Path(f"/proc/{pid}/clear_refs").write_text("5")
