"""Claim and write back on PostgreSQL: one statement each, however many orders."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django.db import connection

from orders.models import DeliveryStatus, Verdict
from orders.pushes import LANE_SLOTS, LATE, LEASE, Lane, Result, Work

# The status words and the lease, by name, for both statements.
_WORDS: Final[Mapping[str, Any]] = {
    **{status.name.lower(): status.value for status in DeliveryStatus},
    "ok": Verdict.DELIVERED.value,
    "interrupted": Verdict.INTERRUPTED.value,
    "lease": LEASE,
    "late": LATE,
}

# statement_timestamp() and not now(): now() stands still in a transaction, clock_timestamp() cannot
# use an index. The limit inside the lateral query locks a lane's rows up to its free slots only.
_CLAIM: Final = """
with lane as materialized (
  select config.game_id, side.env, side.url, signer.id as key_id,
         signer.secret_encrypted, coalesce(slot.free, %(lane_slots)s) as free
  from orders_deliveryconfig config
  cross join lateral (values ('0', config.url), ('1', config.test_url)) side(env, url)
  cross join lateral (
    select id, secret_encrypted from orders_deliverykey
    where game_id = config.game_id and active_from <= statement_timestamp()
    order by active_from desc, id desc limit 1
  ) signer
  left join unnest(%(games)s::bigint[], %(envs)s::text[], %(frees)s::int[])
    slot(game_id, env, free) on slot.game_id = config.game_id and slot.env = side.env
  where config.is_enabled and side.url <> '' and coalesce(slot.free, %(lane_slots)s) > 0
  order by free desc, random()
), due as materialized (
  select owed.order_id, lane.url, lane.key_id, lane.secret_encrypted
  from lane cross join lateral (
    select order_id from orders_delivery
    where game_id = lane.game_id and env = lane.env
      and status = %(waiting)s and due_at <= statement_timestamp()
    order by due_at limit lane.free
    for update skip locked
  ) owed
  limit %(limit)s
), taken as (
  update orders_delivery delivery
  set status = %(sending)s, attempts = attempts + 1,
      lease_until = statement_timestamp() + %(lease)s
  from due where delivery.order_id = due.order_id
  returning delivery.order_id, delivery.game_id, delivery.env, delivery.attempts,
            due.url, due.key_id, due.secret_encrypted
)
update orders_order paid set delivery_status = %(sending)s
from taken where paid.id = taken.order_id
returning taken.*, paid.number, paid.pay_model, paid.payload, statement_timestamp()
"""

# `decisive` is false for all but one of several results of the same order in one batch: an update
# that finds two would take either.
_NOTE: Final = """
with result as materialized (
  select * from unnest(
    %(order_ids)s::bigint[], %(attempts)s::int[], %(verdicts)s::text[], %(details)s::text[],
    %(starts)s::timestamptz[], %(urls)s::text[], %(keys)s::bigint[], %(signatures)s::text[],
    %(codes)s::int[], %(answers)s::text[], %(tooks)s::int[], %(pauses)s::interval[],
    %(decisive)s::bool[]
  ) result(order_id, attempt, verdict, detail, started_at, url, key_id, signature,
           status_code, answer, took_ms, pause, decisive)
), late as (
  insert into orders_lateoutcome (game_id, ordered_at)
  select paid.game_id, paid.created_at
  from result join orders_order paid on paid.id = result.order_id
  where (result.verdict = %(ok)s or result.pause is null)
    and paid.created_at < statement_timestamp() - %(late)s
), moved as (
  update orders_delivery delivery
  set status = case when result.verdict = %(ok)s then %(delivered)s
                    when result.pause is null then %(failed)s else %(waiting)s end,
      due_at = coalesce(statement_timestamp() + result.pause, delivery.due_at),
      delivered_at = case when result.verdict = %(ok)s then statement_timestamp()
                          else delivery.delivered_at end,
      last_verdict = result.verdict, lease_until = null
  from result
  where delivery.order_id = result.order_id and result.decisive
    and ((delivery.status = %(sending)s and delivery.attempts = result.attempt)
         or (result.verdict = %(ok)s and delivery.status <> %(delivered)s))
  returning delivery.order_id, delivery.status
), copied as (
  update orders_order paid set delivery_status = moved.status
  from moved where paid.id = moved.order_id
)
insert into orders_deliveryattempt as kept
  (delivery_id, number, started_at, url, key_id, signature, status_code, answer, took_ms,
   verdict, detail)
select order_id, attempt, started_at, url, key_id, signature, status_code, answer, took_ms,
       verdict, detail
from result order by order_id, attempt
on conflict (delivery_id, number) do update
set started_at = excluded.started_at, url = excluded.url, key_id = excluded.key_id,
    signature = excluded.signature, status_code = excluded.status_code,
    answer = excluded.answer, took_ms = excluded.took_ms, verdict = excluded.verdict,
    detail = excluded.detail
where kept.verdict = %(interrupted)s
"""


def claim(slots: Mapping[Lane, int], limit: int) -> list[Work]:
    """Take what is due; see `delivery.claim`."""
    facts: dict[str, Any] = {
        "games": [lane.game_id for lane in slots],
        "envs": [lane.env for lane in slots],
        "frees": [max(free, 0) for free in slots.values()],
        "limit": limit,
        "lane_slots": LANE_SLOTS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {**_WORDS, **facts})
        rows = cursor.fetchall()
    return [
        Work(
            order_id=order_id,
            lane=Lane(game_id, env),
            attempt=attempt,
            claimed_at=claimed_at,
            url=url,
            number=number,
            pay_model=pay_model,
            payload=payload,
            key_id=key_id,
            secret_encrypted=bytes(secret),
        )
        for order_id, game_id, env, attempt, url, key_id, secret, number, pay_model, payload, claimed_at in rows
    ]


def note(results: Sequence[Result], pauses: Sequence[timedelta | None]) -> None:
    """Write back a batch; see `delivery.note`."""
    # An OK decides over a failure of the same order, else the newest attempt does.
    decisive = {
        each.order_id: each
        for each in sorted(results, key=lambda it: (it.verdict == Verdict.DELIVERED, it.attempt))
    }
    facts: dict[str, Any] = {
        "order_ids": [each.order_id for each in results],
        "attempts": [each.attempt for each in results],
        "verdicts": [each.verdict.value for each in results],
        "details": [each.detail for each in results],
        "starts": [each.started_at for each in results],
        "urls": [each.url for each in results],
        "keys": [each.key_id for each in results],
        "signatures": [each.signature for each in results],
        "codes": [each.status_code for each in results],
        "answers": [each.answer for each in results],
        "tooks": [each.took_ms for each in results],
        "pauses": list(pauses),
        "decisive": [decisive[each.order_id] is each for each in results],
    }
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, {**_WORDS, **facts})
