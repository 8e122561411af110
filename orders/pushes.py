"""One push: what is to be sent where, and what came of it."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Self

from orders import verdicts
from orders.models import Verdict
from sasvpay.kit.outbound import Answer

# A push is cut after 4 s at the latest; whoever holds a row for longer than this has died.
LEASE: Final = timedelta(seconds=30)
# The end of an older order's delivery is told to the daily figures (LateOutcome); those of younger
# ones are looked at anyway.
LATE: Final = timedelta(hours=1)
# What a lane may have in flight at once, in one process.
LANE_SLOTS: Final = 16
FAILING_LANE_SLOTS: Final = 4


class Lane(NamedTuple):
    """All that goes to one URL: a game's live or test orders. Lanes do not delay one another."""

    game_id: int
    env: str


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed delivery, with everything that is needed to push it."""

    order_id: int
    lane: Lane
    attempt: int
    # Which attempt of the plan it is; a probe of a paused URL is none, and this is 0.
    counted: int
    claimed_at: datetime
    url: str
    number: str
    pay_model: str
    payload: str
    key_id: int
    secret_encrypted: bytes

    @property
    def delivery_id(self) -> str:
        """Return what X-Delivery-Id says: the same in every attempt at this order."""
        return delivery_id(game_id=self.lane.game_id, env=self.lane.env, number=self.number)


@dataclass(frozen=True, slots=True)
class Result:
    """What one attempt came to, as it is to be written back."""

    order_id: int
    attempt: int
    counted: int
    verdict: Verdict
    detail: str
    started_at: datetime
    url: str = ""
    key_id: int | None = None
    signature: str = ""
    status_code: int | None = None
    answer: str = ""
    took_ms: int = 0
    # How much of the gap until the next attempt has gone by already.
    waited: timedelta = timedelta(0)
    # What a busy server asked for.
    retry_after: timedelta = timedelta(0)
    # No further attempt, whatever the plan says.
    is_parked: bool = False

    @classmethod
    def of(cls, work: Work, answer: Answer, *, signature: str) -> Self:
        """Judge the answer to a push."""
        verdict, detail = verdicts.judge(answer)
        return cls(
            order_id=work.order_id,
            attempt=work.attempt,
            counted=work.counted,
            verdict=verdict,
            detail=detail,
            started_at=work.claimed_at,
            url=work.url,
            key_id=work.key_id,
            signature=signature,
            status_code=answer.status,
            answer=verdicts.storable(answer.excerpt.decode("utf-8", "replace")),
            took_ms=answer.took_ms,
            retry_after=verdicts.retry_after(answer, at=work.claimed_at),
        )


def delivery_id(*, game_id: int, env: str, number: str) -> str:
    """Return an id that is constant for an order and tells nothing about it."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{game_id}/{env}/{number}"))
