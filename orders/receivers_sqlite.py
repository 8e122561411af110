"""The pause of a failing URL on SQLite: what `delivery_postgresql` says within its statements."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from orders.models import DeliveryConfig, Env, Receiver, Verdict
from orders.pushes import Lane, Result
from orders.receivers import BURST, PATIENCE, PAUSED_AFTER, PROBE_EVERY, pace


def slow() -> dict[Lane, Receiver]:
    """Return the lanes that are paused, or catch up after it."""
    found = Receiver.objects.filter(next_at__isnull=False)
    return {Lane(receiver.game_id, receiver.env): receiver for receiver in found}


def are_to_end(now: datetime) -> bool:
    """Say whether a lane catches up, which may have nothing due any more."""
    return Receiver.objects.filter(paused_at=None, next_at__lte=now).exists()


def room(receiver: Receiver | None, now: datetime) -> int:
    """Return how many may go there at this moment; a lane that is not slow takes any number."""
    if receiver is None or receiver.next_at is None:
        return 2**31
    if receiver.next_at > now:
        return 0
    return 1 if receiver.paused_at else min(BURST, 1 + (now - receiver.next_at) // pace())


def take(receiver: Receiver, taken: int, *, is_done: bool, now: datetime) -> None:
    """Say from when on the next may go there; it is slow no more once it has nothing due."""
    if receiver.next_at is None or receiver.next_at > now:
        return
    if receiver.paused_at:
        receiver.next_at = now + PROBE_EVERY if taken else receiver.next_at
    elif is_done:
        receiver.next_at = None
    else:
        receiver.next_at = max(receiver.next_at, now - (BURST - 1) * pace()) + taken * pace()
    receiver.save(update_fields=["next_at"])


def hear(results: Sequence[Result], lanes: Mapping[int, Lane], now: datetime) -> None:
    """Count what the URLs of the moment answered."""
    heard: dict[Lane, list[Result]] = defaultdict(list)
    for result in results:
        heard[lanes[result.order_id]].append(result)
    configs = DeliveryConfig.objects.filter(game__in={lane.game_id for lane in heard})
    for config in configs:
        for env, url in ((Env.LIVE.value, config.url), (Env.TEST.value, config.test_url)):
            lane = Lane(config.game_id, env)
            answers = [each for each in heard[lane] if each.url == url]
            if answers:
                _count(lane, answers, now)


def _count(lane: Lane, answers: Sequence[Result], now: datetime) -> None:
    known = Receiver.objects.filter(game=lane.game_id, env=lane.env).first()
    receiver = known or Receiver(game_id=lane.game_id, env=lane.env)
    newest = max(answers, key=lambda each: each.started_at)
    receiver.last_verdict, receiver.last_detail = newest.verdict, newest.detail
    if not any(each.verdict == Verdict.DELIVERED for each in answers):
        _fail(receiver, len(answers), now)
        receiver.save()
    elif receiver.failures:
        _recover(receiver, now)
        receiver.save()


def _fail(receiver: Receiver, failures: int, now: datetime) -> None:
    receiver.failures += failures
    receiver.failing_since = receiver.failing_since or now
    is_long = receiver.failing_since <= now - PATIENCE
    if receiver.paused_at is None and receiver.failures >= PAUSED_AFTER and is_long:
        receiver.paused_at, receiver.next_at = now, now + PROBE_EVERY


def _recover(receiver: Receiver, now: datetime) -> None:
    if receiver.paused_at:
        receiver.next_at = now
    receiver.failures, receiver.failing_since = 0, None
    receiver.paused_at = receiver.told_at = None
