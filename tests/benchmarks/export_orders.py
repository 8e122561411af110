"""Export of orders: bare COPY, our csv and our workbook, of the same rows and columns in one run.

    DATABASE_URL=postgres://... python -m tests.benchmarks.export_orders --rows 1000000 --rounds 3

The firm figure is CPU microseconds a row, of this process and of PostgreSQL's together; on a busy
machine the clock tells about others. There are two limits, each one COPY into a file as psycopg does
it: of the stored columns, whose cents and codes are for nobody to read, and of what our csv holds,
in SQL as it is written by hand. The latter's file is to equal ours byte for byte. Our files are read
again by a second library, and counted and summed.
"""

import argparse
import csv
import itertools
import json
import os
import statistics
import tempfile
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sasvpay.settings")
import django

django.setup()

from django.db import connection  # noqa: E402 -- after the set-up
from django.utils import timezone  # noqa: E402 -- as above
from python_calamine import CalamineWorkbook  # noqa: E402 -- as above

from orders.export import ORDERS  # noqa: E402 -- as above
from orders.models import Order  # noqa: E402 -- as above
from sasvpay.kit.export_columns import Format  # noqa: E402 -- as above
from sasvpay.kit.exporting import Wanted  # noqa: E402 -- as above
from tests.benchmarks.import_items import machine_cpu, postgres_cpu, resident_mb  # noqa: E402 -- as above
from tests.factories import MiniGameFactory  # noqa: E402 -- as above

# The 16 columns that are ticked until somebody unticks them, as they are stored.
STORED = (
    "o.number, o.created_at, o.env, o.open_id, o.product_id, v.name, o.quantity, o.zone_id,"
    " o.orig_price_cents, o.actual_price_cents, o.refunded_cents, o.refund_state, o.order_source,"
    " o.pay_model, o.delivery_status, o.flags"
)
# The same as people read it: dates in the console's zone, amounts with their point, labels, and
# nothing that a spreadsheet would calculate or round.
FORMATTED = """
    {number}, to_char(o.created_at at time zone '{zone}', 'YYYY-MM-DD HH24:MI:SS'),
    case when o.env = '1' or o.order_source = 3 then 'Test' else 'Live' end, {open_id}, {product_id}, {name},
    o.quantity, {zone_id}, (o.orig_price_cents / 100.0)::numeric(20, 2),
    (o.actual_price_cents / 100.0)::numeric(20, 2), (o.refunded_cents / 100.0)::numeric(20, 2),
    case o.refund_state when 'none' then 'Not refunded' when 'processing' then 'Refund in progress'
        when 'partly' then 'Partly refunded' when 'fully' then 'Fully refunded' end,
    case o.order_source when 1 then 'In game' when 2 then 'Marketplace'
        when 3 then 'Marketplace test' end,
    {pay_model},
    case o.delivery_status when 'held' then 'Held' when 'waiting' then 'Waiting'
        when 'retrying' then 'Retrying' when 'sending' then 'Sending'
        when 'delivered' then 'Delivered' when 'failed' then 'Failed' end,
    replace(replace(replace(o.flags, ' ', '; '), 'unknown_item', 'Unknown item'), 'price_differs',
        'Price differs')
"""
NEUTRALISED = "when left({0}, 1) in ('=', '+', '-', '@', chr(9), chr(10), chr(13)) then '''' || {0}"
TEXT = f"case {NEUTRALISED} else {{0}} end"
# A tab at its end makes a spreadsheet keep what looks like a number.
ID = f"case {NEUTRALISED} when {{0}} ~ '^[0-9]' then {{0}} || chr(9) else {{0}} end"
USUAL = [column.name for column in ORDERS.columns() if column.is_usual]
SEED = """
    insert into orders_order (game_id, env, number, open_id, product_id, quantity, zone_id,
        orig_price_cents, actual_price_cents, attach, order_source, pay_model, payload, request_id,
        created_at, flags, delivery_status, refunded_cents, refund_state)
    select %s, '0', '20251101' || lpad(n::text, 12, '0'), 'o_' || md5(n::text), 'item_' || n %% 200,
        1 + n %% 3, (n %% 20)::text, 100 + n %% 9900, 100 + n %% 9900, 'session=' || n, 1 + n %% 2,
        'wallet', '{"OpenId":"o"}', gen_random_uuid()::text, %s - n * interval '2 seconds',
        case when n %% 50 = 0 then 'unknown_item price_differs' else '' end,
        case when n %% 20 = 0 then 'failed' else 'delivered' end, 0, 'none'
    from generate_series(1, %s) n
"""


def seed(game, rows, at):
    with connection.cursor() as cursor:
        cursor.execute("set statement_timeout = 0; set synchronous_commit = off")
        cursor.execute(SEED, [game.pk, at, rows])
        cursor.execute("vacuum analyze orders_order")
        cursor.execute("reset statement_timeout")


def formatted():
    ids = {name: ID.format(f"o.{name}") for name in ("number", "open_id", "product_id", "zone_id")}
    texts = {"name": TEXT.format("v.name"), "pay_model": TEXT.format("o.pay_model")}
    return FORMATTED.format(**ids, **texts, zone=timezone.get_current_timezone_name())


def bare_copy(path, game, rows, at, *, columns):
    query = (
        f"copy (select {columns} from orders_order o"  # noqa: S608 -- nothing of it was typed by anybody
        " left join items_itemversion v on v.id = o.item_version_id where o.game_id = %s"
        " order by o.created_at desc, o.id desc limit %s) to stdout (format csv)"
    )
    with (
        path.open("wb") as file,
        connection.cursor() as cursor,
        cursor.copy(query, [game.pk, rows]) as copy,
    ):
        for data in copy:
            file.write(data)


class Silent:
    """Progress that nobody looks at, but that costs what progress costs."""

    def report(self, *, done, total=None):
        with connection.cursor() as cursor:
            cursor.execute("update kit_job set done = %s where id = 0", [done])


def ours(form):
    def export(path, game, rows, at):
        wanted = Wanted("period=12m", USUAL, form, at)
        with path.open("wb") as file:
            assert ORDERS.write(file, game, wanted, Silent()) == rows  # type: ignore[arg-type]  # -- it reports as a job's progress does

    return export


def facts(path, form):
    """Return the rows and the sum of what was paid, in cents, read by a second library."""
    place = USUAL.index("paid")
    if form == Format.CSV:
        with path.open(encoding="utf-8-sig", newline="") as file:
            paid = [row[place] for row in csv.reader(file)][1:]
        return len(paid), sum(int(text.replace(".", "")) for text in paid)
    book = CalamineWorkbook.from_path(path)
    rows = total = 0
    for name in book.sheet_names:
        for row in list(book.get_sheet_by_name(name).iter_rows())[1:]:
            rows += 1
            total += round(float(str(row[place])) * 100)
    return rows, total


def measure(way, path, game, rows, at):
    before = time.process_time(), postgres_cpu(), machine_cpu(), time.perf_counter()
    way(path, game, rows, at)
    own, server = time.process_time() - before[0], postgres_cpu() - before[1]
    seconds = time.perf_counter() - before[3]
    others = max(machine_cpu() - before[2] - own - server, 0) / (seconds * (os.cpu_count() or 1))
    return {
        "us_per_row": (own + server) / rows * 1e6,
        "own": own / rows * 1e6,
        "server": server / rows * 1e6,
        "seconds": seconds,
        "others_share": others,
    }


def peak(way, path, game, rows, at):
    idle = resident_mb()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    way(path, game, rows, at)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [high] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return {"rows": rows, "idle_mb": round(idle), "above_idle_mb": round(int(high) / 1024 - idle)}


def say(*words):
    print(*words, flush=True)  # noqa: T201 -- a report


def report(asked, folder):
    at = timezone.now() - timedelta(minutes=1)
    ways = {
        "stored": partial(bare_copy, columns=STORED),
        "formatted": partial(bare_copy, columns=formatted()),
        "csv": ours(Format.CSV),
        "xlsx": ours(Format.XLSX),
    }
    small, large = MiniGameFactory(), MiniGameFactory()
    seed(small, asked.rows // 10, at)
    seed(large, asked.rows, at)
    # Parallel workers would hide what PostgreSQL costs.
    with connection.cursor() as cursor:
        cursor.execute("set max_parallel_workers_per_gather = 0; set jit = off")
    for form in (Format.CSV, Format.XLSX):
        for game, rows in ((small, asked.rows // 10), (large, asked.rows)):
            path = folder / f"{rows}.{form}"
            say(form, json.dumps(peak(ways[form], path, game, rows, at)))
    found: dict[str, list[Any]] = {name: [] for name in ways}
    for number in range(asked.rounds):
        for name in list(ways) if number % 2 == 0 else list(ways)[::-1]:
            found[name].append(measure(ways[name], folder / "out", large, asked.rows, at))
    for name, runs in found.items():
        medians = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        say(name, json.dumps({key: round(value, 2) for key, value in medians.items()}))
    for measured in ("us_per_row", "seconds"):
        cost = {
            name: statistics.median(run[measured] for run in runs) for name, runs in found.items()
        }
        for name, limit in itertools.product(("csv", "xlsx"), ("stored", "formatted")):
            say(f"{name} / bare COPY, {limit}, {measured}: {cost[name] / cost[limit]:.2f}")
    ways["formatted"](folder / "formatted", large, asked.rows, at)
    check(large, asked.rows, folder)


def check(game, rows, folder):
    stored = Order.objects.filter(game=game).values_list("actual_price_cents", flat=True)
    expected = rows, sum(stored.iterator())
    for form in (Format.CSV, Format.XLSX):
        assert facts(folder / f"{rows}.{form}", form) == expected
    with (folder / f"{rows}.csv").open("rb") as made, (folder / "formatted").open("rb") as copied:
        made.readline()  # the headings
        assert all(ours == theirs for ours, theirs in itertools.zip_longest(made, copied))
    say("the files re-read: rows and sums are equal", expected, "and the csv is what COPY made")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=3)
    asked = arguments.parse_args()
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        with tempfile.TemporaryDirectory() as folder:
            report(asked, Path(folder))
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


if __name__ == "__main__":
    main()
