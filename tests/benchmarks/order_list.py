"""Pages of the order record among millions: ours and the bare keyset query, in one run.

    DATABASE_URL=postgres://... python manage.py bench_seed
    DATABASE_URL=postgres://... python -m tests.benchmarks.order_list --rounds 20

The firm figure is CPU milliseconds, of this process and of PostgreSQL together; PostgreSQL's part
and the time by the clock are printed beside it. Ours is all that a page asks the database for, through the ORM: its rows, and
their number with the totals. The limit is one hand-written query of such rows, without any filter.
Each case runs in turn with the limit; medians.
"""

import argparse
import json
import os
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sasvpay.settings")
import django

django.setup()

from django.core.paginator import Paginator  # noqa: E402 -- after the set-up
from django.db import connection  # noqa: E402 -- as above
from django.db.models import Count  # noqa: E402 -- as above
from django.http import QueryDict  # noqa: E402 -- as above
from django.test import RequestFactory  # noqa: E402 -- as above
from django.utils import timezone  # noqa: E402 -- as above

from orders import search  # noqa: E402 -- as above
from orders.filters import Attention, Environment, Period, Refunding, listed  # noqa: E402 -- as above
from orders.forms import OrderSearchForm  # noqa: E402 -- as above
from orders.models import DeliveryState, Order, OrderSource  # noqa: E402 -- as above
from orders.totals import totals_of  # noqa: E402 -- as above
from permissions.matrix import HouseRole  # noqa: E402 -- as above
from permissions.models import MiniGame, User  # noqa: E402 -- as above
from sasvpay.kit import listing  # noqa: E402 -- as above

PAGE = 10_000
_BARE = """
select o.id, o.game_id, o.env, o.number, o.open_id, o.product_id, o.item_version_id, o.quantity,
    o.zone_id, o.orig_price_cents, o.actual_price_cents, o.order_source, o.pay_model, o.request_id,
    o.created_at, o.flags, o.settled_at, o.delivery_status, o.refunded_cents, o.refund_state,
    d.status, d.due_at, d.attempts, d.last_verdict, d.delivered_at, v.*
from orders_order o
left join orders_delivery d on d.order_id = o.id
left join items_itemversion v on v.id = o.item_version_id
where o.game_id = %s and o.created_at >= %s and (o.created_at, o.id) < (%s, %s)
order by o.created_at desc, o.id desc limit 21
"""


def cases(game):
    """Return what is asked for, by name: each filter alone, and the default."""
    some = Order.objects.filter(game=game).order_by("-pk")[1000]
    values: dict[str, Any] = {
        "period": Period.values,
        "number": [some.number],
        "open_id": [some.open_id],
        "item": [some.product_id],
        "state": DeliveryState.values,
        "attention": Attention.values,
        "source": OrderSource.values,
        "env": Environment.values,
        "refund": Refunding.values,
    }
    alone = [(name, value) for name, given in values.items() for value in given]
    return {f"{name}={value}": {"period": "12m", name: value} for name, value in alone}


def asked_for(game, asked, now):
    query = QueryDict(mutable=True)
    query.update({name: value for name, value in asked.items() if value != Period.CUSTOM})
    form = OrderSearchForm(query, at=now)
    assert form.is_valid(), form.errors
    return form.search().rows(game)


def page_of(rows, **place):
    request = RequestFactory().get("/", place)
    return listing.keyset_page(listed(rows), request).rows


def whole_page(rows):
    page_of(rows)
    totals_of(rows)


def place_of(order):
    tokens = listing._Tokens.of(RequestFactory().get("/"), "created_at")
    return tokens.to(order)


def bare(game, since, order):
    with connection.connection.cursor() as cursor:
        return cursor.execute(_BARE, [game.pk, since, order.created_at, order.pk]).fetchall()


def cost(act):
    """Return the milliseconds that it took: of both processes, of PostgreSQL's, by the clock."""
    backend = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    before = time.perf_counter(), time.process_time(), int(backend.read_text().split()[0])
    act()
    own, server = time.process_time() - before[1], int(backend.read_text().split()[0]) - before[2]
    clock = time.perf_counter() - before[0]
    return own * 1e3 + server / 1e6, server / 1e6, clock * 1e3


def compare(limit, ways, rounds):
    """Return each way's medians in milliseconds, and its ratio to the limit beside it."""
    for act in (limit, *ways.values()):
        act()
    taken: dict[str, list[tuple[float, ...]]] = {name: [] for name in ("limit", *ways)}
    for _ in range(rounds):
        for name, act in (("limit", limit), *ways.items()):
            taken[name].append(cost(act))
    found = {
        name: [statistics.median(each) for each in zip(*runs, strict=True)]
        for name, runs in taken.items()
    }
    limit_cpu = found["limit"][0]
    return {
        name: f"{cpu:.2f} (PostgreSQL {server:.2f}, clock {clock:.1f}) = {cpu / limit_cpu:.1f}x"
        for name, (cpu, server, clock) in found.items()
    }


def report(name, found):
    print(f"{name:<28}", json.dumps(found))  # noqa: T201 -- a report


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=20)
    asked = arguments.parse_args()
    now = timezone.now()
    largest = MiniGame.objects.annotate(sold=Count("orders")).order_by("-sold")[0]
    print(f"{Order.objects.count():,} orders, {largest.sold:,} of them in {largest}")  # noqa: T201 -- as above
    year = listing.last_year(at=now)
    newest = Order.objects.filter(game=largest).latest("created_at", "pk")
    first = partial(bare, largest, year.since, newest)
    for name, wanted in cases(largest).items():
        rows = asked_for(largest, wanted, now)
        ways = {
            "rows": partial(page_of, rows),
            "totals": partial(totals_of, rows),
            "page": partial(whole_page, rows),
        }
        report(name, compare(first, ways, asked.rounds))
    deep(largest, year, now, first, asked.rounds)
    exact(newest, asked.rounds, first)


def deep(game, year, now, first, rounds):
    """Page 10,000, and what a page number costs there."""
    rows = asked_for(game, {"period": "12m"}, now)
    order = rows.order_by("-created_at", "-pk")[(PAGE - 1) * listing.PAGE_SIZE]
    token = place_of(order)
    ways = {
        "page 1": partial(page_of, rows),
        "page 10,000": partial(page_of, rows, before=token),
        "page 9,999": partial(page_of, rows, after=token),
    }
    report("deep", compare(partial(bare, game, year.since, order), ways, rounds))
    numbered = Paginator(rows.order_by("-created_at", "-pk"), listing.PAGE_SIZE)
    cpu, server, clock = cost(lambda: list(numbered.page(PAGE)))
    told = f"{cpu:.0f} (PostgreSQL {server:.0f}, clock {clock:.0f})"
    report("Django's Paginator there", {"page 10,000": told})


def exact(order, rounds, first):
    """The top bar's search, by a person who sees all games."""
    by, _is_new = User.objects.get_or_create(
        email="benchmark-admin@example.com", defaults={"house_role": HouseRole.PLATFORM_ADMIN}
    )
    now = timezone.now()
    ways = {
        "number": partial(search.find, order.number, by=by, at=now),
        "open_id": partial(search.find, order.open_id, by=by, at=now),
        "neither": partial(search.find, "nobody", by=by, at=now),
    }
    report("exact look-ups", compare(first, ways, rounds))


if __name__ == "__main__":
    main()
