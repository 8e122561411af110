"""A console of its own processes, as `make run` starts it, and what may be asked of it over HTTP."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

ROOT = Path(__file__).resolve().parents[2]


def free_ports() -> int:
    """Return a port whose next one is free as well: the demo receiver takes that."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


class Console:
    """The product, served on a free port with a folder and a database of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.port = free_ports()
        self.url = f"http://127.0.0.1:{self.port}"
        self.receiver_url = f"http://127.0.0.1:{self.port + 1}"
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE", "COV_CORE_SOURCE")
        }
        self.environment = inherited | {
            "DATA_DIR": str(folder),
            "PORT": str(self.port),
            "SITE_URL": self.url,
            **environment,
        }
        self.log = folder.parent / "serve.log"
        self.serving: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> None:
        """Run `manage.py serve --demo` and wait until the console answers."""
        with self.log.open("ab") as log:
            self.serving = subprocess.Popen(
                [sys.executable, "manage.py", "serve", "--demo", *arguments],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.wait_until(lambda: self.get("/healthz")[0] == 200, "it does not answer", seconds=180)

    def stop(self, seconds: float = 30) -> float:
        """Send Ctrl-C and return how many seconds the stop took."""
        assert self.serving is not None
        started = time.monotonic()
        self.serving.send_signal(signal.SIGINT)
        self.serving.wait(seconds)
        return time.monotonic() - started

    def end(self) -> None:
        """Leave nothing running, whatever a test did."""
        if self.serving is not None and self.serving.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.serving.kill()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def processes(self, command: str = "") -> list[int]:
        """Return the ids of all processes of this console whose command line holds that text."""
        mine = f"DATA_DIR={self.folder}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                environ = (entry / "environ").read_bytes().split(b"\0")
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if mine in environ and command in line:
                found.append(int(entry.name))
        return found

    def kill(self, command: str) -> None:
        """Kill -9 every process whose command line holds that text."""
        for pid in self.processes(command):
            os.kill(pid, signal.SIGKILL)

    def manage(self, *arguments: str, seconds: float = 180) -> subprocess.CompletedProcess[str]:
        """Run a management command against this console."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True,
            timeout=seconds, check=False,
        )  # fmt: skip

    def popen(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a management command against this console."""
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def demo(self) -> Any:
        """Return what `demo --json` prints."""
        answered = self.manage("demo", "--json")
        assert answered.returncode == 0, answered.stderr
        return json.loads(answered.stdout)

    def get(self, path: str, base: str = "") -> tuple[int, str]:
        """Return status and body; status 0 when nobody answers."""
        try:
            with build_opener().open((base or self.url) + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as refusal:
            return refusal.code, refusal.read().decode()
        except (URLError, OSError):
            return 0, ""

    def stats(self) -> Any:
        """Return what the demo receiver counted."""
        return json.loads(self.get("/stats", base=self.receiver_url)[1])

    def browser(self, email: str, password: str) -> "Browser":
        """Return somebody who signed in."""
        return Browser(self.url).sign_in(email, password)

    def wait_until(self, is_so, otherwise: str, seconds: float = 60) -> None:
        """Wait until that is so, or fail with the tail of the log.

        A busy machine is slow, not wrong: only where the time is the promise it is short.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if is_so():
                return
            time.sleep(0.1)
        raise AssertionError(f"{otherwise}\n{self.log.read_text()[-4000:]}")


class Browser:
    """A person without a screen: cookies and CSRF tokens as a browser keeps them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.jar = CookieJar()
        self.opener: OpenerDirector = build_opener(HTTPCookieProcessor(self.jar))

    def get(self, path: str) -> str:
        """Return a page."""
        with self.opener.open(self.url + path, timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, path: str, **fields: str) -> tuple[str, str]:
        """Post a form and return the address and the page one ends at."""
        token = next(cookie.value for cookie in self.jar if cookie.name == "csrftoken")
        body = urlencode(fields | {"csrfmiddlewaretoken": token or ""}).encode()
        asked = Request(self.url + path, body, {"Referer": self.url + path})
        with self.opener.open(asked, timeout=30) as answer:
            return answer.url, answer.read().decode()

    def sign_in(self, email: str, password: str) -> "Browser":
        """Sign in, or fail."""
        self.get("/account/login")
        url, page = self.post("/account/login", login=email, password=password)
        assert "/account/login" not in url, re.sub(r"\s+", " ", page)[:2000]
        return self
