"""Import of items, file to tables: ours, the limit, and django-import-export, on one file.

    DATABASE_URL=postgres://... python -m tests.benchmarks.import_items --rows 10000 --rounds 3

The firm figure is CPU microseconds a row: of this process, of the one that reads the workbook, and
of PostgreSQL. Ours is the whole way (check, preview, import); the limit reads the same file with a
bare XML pass and writes the same rows once; the peer imports without its dry run, in bulk by 1,000.
It is an optional extra: `pip install django-import-export`, or PYTHONPATH to where it lies.
"""

import argparse
import gc
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from xml.parsers import expat

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sasvpay.settings")
import django
import openpyxl  # noqa: TID251 -- what the peer reads with

django.setup()

from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402 -- after the set-up
from django.db import connection, transaction  # noqa: E402 -- as above

from items import importing, workbook  # noqa: E402 -- as above
from items.models import Item, ItemVersion  # noqa: E402 -- as above
from sasvpay.kit import jobs, sheet_writing  # noqa: E402 -- as above
from tests.factories import MiniGameFactory, UserFactory  # noqa: E402 -- as above

try:
    import tablib
    from import_export import (
        fields,
        resources,
    )
    from import_export.instance_loaders import (
        CachedInstanceLoader,
    )
except ImportError:
    tablib = None
else:

    class Tuned:
        use_bulk = True
        batch_size = 1000
        skip_diff = True
        skip_html_diff = True
        skip_unchanged = False
        report_skipped = False
        use_transactions = True
        instance_loader_class = CachedInstanceLoader

    class Key(fields.Field):
        """A foreign key by its column: the usual widget asks the database for each row."""

        def __init__(self, name):
            super().__init__(attribute=name, column_name=name)

    class Items(resources.ModelResource):
        game_id = Key("game_id")

        class Meta(Tuned):
            model = Item
            fields = ("game_id", "item_id", "created_at", "revision")
            import_id_fields = ("item_id",)

    class Versions(resources.ModelResource):
        item_id = Key("item_id")
        changed_by_id = Key("changed_by_id")

        class Meta(Tuned):
            model = ItemVersion
            fields = (
                "item_id", "number", "name", "price_cents", "status", "created_at",
                "changed_by_id", "changed_at",
            )  # fmt: skip
            import_id_fields = ("item_id",)


VERSION = [
    "item_id", "number", "name", "price_cents", "status", "created_at", "changed_by_id",
    "changed_at",
]  # fmt: skip
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
TICKS = os.sysconf("SC_CLK_TCK")


def postgres_cpu():
    """Return the CPU seconds of the PostgreSQL process that serves us; others may use the server."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        [backend] = cursor.fetchone()
    # In nanoseconds; /proc/<pid>/stat counts in hundredths of a second.
    return int(Path(f"/proc/{backend}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9


def own_cpu():
    """Return our CPU seconds, and those of the processes that read workbooks for us."""
    return sum(os.times()[:4])


def machine_cpu():
    fields = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()
    return sum(map(int, fields[1:4])) / TICKS


def resident_mb():
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def sheet(rows):
    return sheet_writing.filled(
        "Items",
        workbook.COLUMNS,
        ([f"item_{n:06}", f"Sword of Fire {n}", n % 997 + 0.99, ""] for n in range(rows)),
        rules=("Rules", ["Rules"]),
    )


def clear():
    # What earlier runs left is not collected within this one.
    gc.collect()
    with connection.cursor() as cursor:
        cursor.execute("truncate items_item, items_importbatch cascade")
        cursor.execute("vacuum analyze")


def ours(content, game, user):
    """Upload, preview, import: as the page and the worker do."""
    started = time.perf_counter()
    batch = importing.upload(
        game=game,
        workbook=SimpleUploadedFile("items.xlsx", content),
        pictures=None,
        by=user,
        at=AT,
    )
    jobs.run(job_id=batch.job_id)
    previewed = time.perf_counter()
    batch.refresh_from_db()
    importing.apply(batch=batch, only_valid=False, by=user, at=AT)
    batch.refresh_from_db()
    jobs.run(job_id=batch.job_id)
    return {"preview": previewed - started, "import": time.perf_counter() - previewed}


def limit(content, game, user):
    """Read with nothing but expat, copy, and write each table once."""
    rows: list[list[str]] = []
    words: list[str] = []

    def start(name, attrs):
        nonlocal words
        if name == "row":
            rows.append([])
        elif name == "c":
            words = []

    def end(name):
        if name == "c":
            rows[-1].append("".join(words))

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = lambda text: words.append(text)  # noqa: PLW0108 -- a new list for each cell
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parser.Parse(archive.read("xl/worksheets/sheet1.xml"), True)  # noqa: FBT003 -- its signature
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "create temporary table bare (item_id text, name text, cents bigint) on commit drop"
        )
        with cursor.copy("copy bare from stdin") as copy:
            for item_id, name, price, *_rest in rows[1:]:
                copy.write_row((item_id, name, round(float(price) * 100)))
        cursor.execute(
            "insert into items_item (game_id, item_id, created_at, revision)"
            " select %s, item_id, %s, 1 from bare",
            [game.pk, AT],
        )
        cursor.execute(
            "insert into items_itemversion (item_id, number, name, price_cents, image, thumbnail,"
            " image_digest, status, created_at, changed_by_id, changed_at)"
            " select i.id, 1, b.name, b.cents, '', '', '', 'draft', %s, %s, %s"
            " from bare b join items_item i on i.game_id = %s and i.item_id = b.item_id",
            [AT, user.pk, AT, game.pk],
        )
    return {}


def peer(content, game, user, *, with_preview=False):
    """django-import-export, tuned: in bulk by 1,000, what exists looked up once, no differences.

    It finds out what is new as we do, but checks no row against the rules, which would cost a query
    each; its confirm page costs one dry run more.
    """
    # As its own reader does, which stumbles over rows that end early.
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    made = tablib.Dataset(headers=["item_id", "name", "price", "game_id", "revision", "created_at"])
    for row in book.worksheets[0].iter_rows(min_row=2, max_col=3, values_only=True):
        made.append([*row, game.pk, 1, AT])
    for dry_run in [True, False] if with_preview else [False]:
        Items().import_data(made, dry_run=dry_run, raise_errors=True)
    pks = dict(Item.objects.filter(game=game).values_list("item_id", "pk"))
    versions = tablib.Dataset(headers=VERSION)
    versions.extend(
        [
            (pks[item_id], 1, name, round(price * 100), "draft", AT, user.pk, AT)
            for item_id, name, price, *_rest in made
        ]
    )
    for dry_run in [True, False] if with_preview else [False]:
        Versions().import_data(versions, dry_run=dry_run, raise_errors=True)
    return {}


def measure(way, content, game, user, rows):
    clear()
    before = own_cpu(), postgres_cpu(), machine_cpu(), time.perf_counter()
    facts = way(content, game, user)
    own, server = own_cpu() - before[0], postgres_cpu() - before[1]
    seconds = time.perf_counter() - before[3]
    others = max(machine_cpu() - before[2] - own - server, 0) / (seconds * (os.cpu_count() or 1))
    # A run that did not do the work is none.
    assert Item.objects.count() == ItemVersion.objects.count() == rows
    prices = ItemVersion.objects.filter(item__item_id="item_000005").values_list("price_cents")
    assert prices.get() == (599,)
    return {
        "us_per_row": (own + server) / rows * 1e6,
        "own": own / rows * 1e6,
        "server": server / rows * 1e6,
        "seconds": seconds,
        "others_share": others,
        **facts,
    }


def peak(path, game, user):
    """Return how much memory the whole way takes above the idle process. Must come first."""
    ours(sheet(100), game, user)
    clear()
    content = path.read_bytes()
    idle = resident_mb()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    ours(content, game, user)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [high] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    above = int(high) / 1024 - idle
    # The reader begins with the pages that we have, and shares them: what it adds counts.
    reader = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024 - idle
    return {"idle_mb": round(idle), "above_idle_mb": round(above), "reader_mb": round(reader)}


def report(asked):
    game, user = MiniGameFactory(), UserFactory()
    print(json.dumps(peak(asked.file, game, user)))  # noqa: T201 -- a report
    content = asked.file.read_bytes()
    ways = {"limit": limit, "ours": ours}
    if tablib:
        ways |= {"peer": peer, "peer_with_preview": partial(peer, with_preview=True)}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    for number in range(asked.rounds):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            found[name].append(measure(ways[name], content, game, user, asked.rows))
    for name, runs in found.items():
        medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        print(name, json.dumps({key: round(value, 3) for key, value in medians.items()}))  # noqa: T201 -- as above
    cost = {
        name: statistics.median(run["us_per_row"] for run in runs) for name, runs in found.items()
    }
    print(f"ours / limit: {cost['ours'] / cost['limit']:.2f}")  # noqa: T201 -- as above
    for name in ways:
        if name.startswith("peer"):
            print(f"{name} / ours: {cost[name] / cost['ours']:.2f}")  # noqa: T201 -- as above


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=3)
    # The sheet is made by a process of its own, whose memory is not ours.
    arguments.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    arguments.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    asked = arguments.parse_args()
    if asked.make:
        asked.file.write_bytes(sheet(asked.rows))
        return
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    with tempfile.TemporaryDirectory() as folder:
        asked.file = Path(folder) / "items.xlsx"
        make = ["--make", "--file", str(asked.file), "--rows", str(asked.rows)]
        try:
            subprocess.run([sys.executable, "-m", __spec__.name, *make], check=True)
            report(asked)
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)


if __name__ == "__main__":
    main()
