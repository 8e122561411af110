"""What benchmarks share: a database and processes of their own, CPU from /proc, runs in turn.

CPU is the firm figure: of whole process trees with their dead children, and of PostgreSQL's
backends. On a busy machine the clock tells about others; how much they took is printed.
"""

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")


def say(*words):
    print(*words, flush=True)  # noqa: T201 -- a report


@contextmanager
def own_database():
    """Make a database, and name it in the environment of every process that is started."""
    was, address = connection.settings_dict["NAME"], os.environ["DATABASE_URL"]
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    os.environ["DATABASE_URL"] = f"{address.rpartition('/')[0]}/{name}"
    try:
        yield
    finally:
        connection.creation.destroy_test_db(was, verbosity=0)


@contextmanager
def running(*command, port=None, **environment):
    """Run `python COMMAND` until it answers at its port; end it afterwards."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        _wait_for(process, port)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(process, port):
    deadline = time.monotonic() + 60
    while port is not None:
        assert process.poll() is None, f"{process.args} ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, f"{process.args} does not answer"
        time.sleep(0.1)


def wait_until_idle(pid):
    """Wait until a process has started and rests."""
    spent = -1.0
    while tree_cpu(pid) - spent > 0.03:
        spent = tree_cpu(pid)
        time.sleep(1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tree_cpu(root):
    """Return the CPU seconds of a process and of all that it started."""
    parents, spent = defaultdict(list), {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name in brackets may hold spaces.
            fields = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(fields[1])].append(int(entry.name))
        spent[int(entry.name)] = sum(map(int, fields[11:15])) / TICKS
    family = [root]
    for pid in family:
        family.extend(parents[pid])
    return sum(spent.get(pid, 0) for pid in family)


def postgres_cpu():
    """Return the CPU seconds of the backends that serve this database, but for our own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select pid from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        pids = [pid for (pid,) in cursor.fetchall()]
    # In nanoseconds; /proc/<pid>/stat counts in hundredths of a second.
    spent = [Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii") for pid in pids]
    return sum(int(each.split()[0]) for each in spent) / 1e9


def machine_cpu():
    fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    return sum(map(int, fields[1:4])) / TICKS


@contextmanager
def measured(count, pid):
    """Yield a dict that afterwards says what each of `count` things cost that process tree."""
    found: dict[str, float] = {}
    before = tree_cpu(pid), postgres_cpu(), machine_cpu(), time.process_time(), time.perf_counter()
    yield found
    seconds = time.perf_counter() - before[4]
    own, server = tree_cpu(pid) - before[0], postgres_cpu() - before[1]
    mine = own + server + time.process_time() - before[3]
    others = max(machine_cpu() - before[2] - mine, 0) / (seconds * (os.cpu_count() or 1))
    found |= {
        "us": (own + server) / count * 1e6,
        "own": own / count * 1e6,
        "server": server / count * 1e6,
        "per_second": count / seconds,
        "others_share": others,
    }


def in_turns(ways, rounds):
    """Call each way in each round, A B C and then C B A; return and print the medians."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            runs[name].append(ways[name]())
    medians = {
        name: {key: statistics.median(run[key] for run in each) for key in each[0]}
        for name, each in runs.items()
    }
    for name, facts in medians.items():
        say(f"{name:<12}", json.dumps({key: round(value, 2) for key, value in facts.items()}))
    return medians


def compare(medians, ours, others):
    """Print how many times what the others cost ours costs, and the other way round."""
    for name in others:
        ratio = medians[ours]["us"] / medians[name]["us"]
        say(f"{ours} / {name}: {ratio:.2f}    {name} / {ours}: {1 / ratio:.2f}")
