"""Claim and write back on PostgreSQL: one statement each, however many orders."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from django.db import connection

from orders import receivers
from orders.models import DeliveryState, DeliveryStatus, Verdict
from orders.pushes import LANE_SLOTS, LATE, LEASE, Lane, Result, Work

# The status words, the lease and the rules of a pause, by name, for both statements.
_WORDS: Final[Mapping[str, Any]] = {
    **{status.name.lower(): status.value for status in DeliveryStatus},
    "retrying": DeliveryState.RETRYING.value,
    "ok": Verdict.DELIVERED.value,
    "interrupted": Verdict.INTERRUPTED.value,
    "lease": LEASE,
    "late": LATE,
    "paused_after": receivers.PAUSED_AFTER,
    "patience": receivers.PATIENCE,
    "probe_every": receivers.PROBE_EVERY,
    "burst": receivers.BURST,
}

# statement_timestamp() and not now(): now() stands still in a transaction, clock_timestamp() cannot
# use an index. The limit inside the lateral query locks a lane's rows up to its free slots only.
# Of a slow lane (paused, or catching up after it) one process takes at a time, and says from when on
# the next may; it is slow no more once it has nothing due.
_CLAIM: Final = """
with slow as materialized (
  select id, paused_at is not null as is_probe,
         case when paused_at is not null then 1
              else least(%(burst)s, 1 + floor(extract(epoch from statement_timestamp() - next_at)
                                              / extract(epoch from %(pace)s)))::int end as room
  from orders_receiver where next_at <= statement_timestamp()
  for update skip locked
), lane as materialized (
  select config.game_id, side.env, side.url, signer.id as key_id, signer.secret_encrypted,
         slow.id as slow_id, coalesce(slow.is_probe, false) as is_probe,
         least(coalesce(slot.free, %(lane_slots)s), coalesce(slow.room, %(lane_slots)s)) as free
  from orders_deliveryconfig config
  cross join lateral (values ('0', config.url), ('1', config.test_url)) side(env, url)
  cross join lateral (
    select id, secret_encrypted from orders_deliverykey
    where game_id = config.game_id and active_from <= statement_timestamp()
    order by active_from desc, id desc limit 1
  ) signer
  left join unnest(%(games)s::bigint[], %(envs)s::text[], %(frees)s::int[])
    slot(game_id, env, free) on slot.game_id = config.game_id and slot.env = side.env
  left join orders_receiver receiver on receiver.game_id = config.game_id
    and receiver.env = side.env and receiver.next_at is not null
  left join slow on slow.id = receiver.id
  where config.is_enabled and side.url <> '' and coalesce(slot.free, %(lane_slots)s) > 0
    and (receiver.id is null or slow.id is not null)
  order by free desc, random()
), due as materialized (
  select owed.order_id, lane.url, lane.key_id, lane.secret_encrypted, lane.slow_id, lane.is_probe
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
  set status = %(sending)s, attempts = attempts + 1, uncounted = uncounted + due.is_probe::int,
      lease_until = statement_timestamp() + %(lease)s
  from due where delivery.order_id = due.order_id
  returning delivery.order_id, delivery.game_id, delivery.env, delivery.attempts,
            case when due.is_probe then 0 else delivery.attempts - delivery.uncounted end,
            due.url, due.key_id, due.secret_encrypted
), paced as (
  update orders_receiver receiver
  set next_at = case
    when lane.is_probe then statement_timestamp() + %(probe_every)s
    when share.taken < lane.free and (select count(*) from due) < %(limit)s then null
    else greatest(receiver.next_at, statement_timestamp() - (%(burst)s - 1) * %(pace)s)
         + share.taken * %(pace)s end
  from lane cross join lateral
    (select count(*) as taken from due where due.slow_id = lane.slow_id) share
  where receiver.id = lane.slow_id and (share.taken > 0 or not lane.is_probe)
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
      delivered_at = case when result.verdict = %(ok)s
                          then coalesce(delivery.delivered_at, statement_timestamp())
                          else delivery.delivered_at end,
      last_verdict = result.verdict, lease_until = null
  from result
  where delivery.order_id = result.order_id and result.decisive
    and ((delivery.status = %(sending)s and delivery.attempts = result.attempt)
         or (result.verdict = %(ok)s and delivery.status <> %(delivered)s))
  returning delivery.order_id, delivery.status, delivery.game_id, delivery.env
), copied as (
  -- Whatever waits by now was tried.
  update orders_order paid
  set delivery_status = case moved.status when %(waiting)s then %(retrying)s else moved.status end
  from moved where paid.id = moved.order_id
), heard as (
  -- What each URL of the moment answered: how often it failed, 0 if it answered well at all.
  select moved.game_id, moved.env,
         case when bool_or(result.verdict = %(ok)s) then 0 else count(*) end as failures,
         (array_agg(result.verdict order by result.started_at desc))[1] as verdict,
         (array_agg(result.detail order by result.started_at desc))[1] as detail
  from moved join result on result.order_id = moved.order_id and result.decisive
  join orders_deliveryconfig config on config.game_id = moved.game_id
    and result.url = case moved.env when '1' then config.test_url else config.url end
  where result.verdict <> %(interrupted)s
  group by moved.game_id, moved.env
), kept_score as (
  insert into orders_receiver as receiver
    (game_id, env, failures, failing_since, last_verdict, last_detail)
  select game_id, env, failures, statement_timestamp(), verdict, detail from heard
  where failures > 0 or exists (
    select from orders_receiver known
    where known.game_id = heard.game_id and known.env = heard.env and known.failures > 0)
  order by game_id, env
  on conflict (game_id, env) do update
  set failures = {failed} receiver.failures + excluded.failures else 0 end,
      failing_since = {failed} coalesce(receiver.failing_since, excluded.failing_since) end,
      last_verdict = excluded.last_verdict, last_detail = excluded.last_detail,
      paused_at = {failed} coalesce(receiver.paused_at, {if_it_pauses} statement_timestamp() end) end,
      next_at = case
        when excluded.failures = 0 and receiver.paused_at is not null then statement_timestamp()
        else coalesce({if_it_pauses} statement_timestamp() + %(probe_every)s end, receiver.next_at) end,
      told_at = {failed} receiver.told_at end
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
""".format(  # noqa: S608 -- our own words, no values
    failed="case when excluded.failures > 0 then",
    if_it_pauses="case when receiver.paused_at is null and excluded.failures > 0"
    " and receiver.failures + excluded.failures >= %(paused_after)s"
    " and receiver.failing_since <= statement_timestamp() - %(patience)s then",
)


def claim(slots: Mapping[Lane, int], limit: int) -> list[Work]:
    """Take what is due; see `delivery.claim`."""
    facts: dict[str, Any] = {
        "games": [lane.game_id for lane in slots],
        "envs": [lane.env for lane in slots],
        "frees": [max(free, 0) for free in slots.values()],
        "limit": limit,
        "lane_slots": LANE_SLOTS,
        "pace": receivers.pace(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {**_WORDS, **facts})
        rows = cursor.fetchall()
    return [
        Work(
            order_id=order_id,
            lane=Lane(game_id, env),
            attempt=attempt,
            counted=counted,
            claimed_at=claimed_at,
            url=url,
            number=number,
            pay_model=pay_model,
            payload=payload,
            key_id=key_id,
            secret_encrypted=bytes(secret),
        )
        for order_id, game_id, env, attempt, counted, url, key_id, secret, number, pay_model, payload, claimed_at in rows
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
