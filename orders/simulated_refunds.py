"""What a simulated superapp tells of refunds: early, by halves, too large, failed, out of order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Payload = Mapping[str, Any]


@dataclass(frozen=True)
class Refunding:
    """The payloads that come before a purchase and after it, and what they add up to."""

    before: Sequence[Payload] = ()
    after: Sequence[Payload] = ()
    refunded_cents: int = 0


@dataclass(frozen=True)
class _Story:
    """Refunds of one purchase in the order in which they are told: number, share, status."""

    told: Sequence[tuple[int, float, str]]
    counted: float
    is_early: bool = False


_BEGUN, _DONE, _FAILED = "processing", "succeeded", "failed"
STORIES: Final = (
    _Story(told=[(1, 1, _BEGUN), (1, 1, _DONE)], counted=1),
    _Story(told=[(1, 0.5, _BEGUN), (1, 0.5, _DONE)], counted=0.5, is_early=True),
    _Story(told=[(1, 0.5, _DONE), (2, 0.5, _DONE), (2, 0.5, _DONE)], counted=1),
    # The second is more than is left: kept and flagged, not counted.
    _Story(told=[(1, 0.5, _DONE), (2, 2, _DONE)], counted=0.5),
    _Story(told=[(1, 1, _BEGUN), (1, 1, _FAILED)], counted=0),
    # A late "processing" undoes nothing.
    _Story(told=[(1, 1, _DONE), (1, 1, _BEGUN)], counted=1, is_early=True),
)


@dataclass(frozen=True)
class Refunds:
    """Tells the stories in turn, each of a purchase's payload."""

    began: int
    stories: Sequence[_Story] = field(default=STORIES)

    def of(self, purchase: Payload, turn: int) -> Refunding:
        """Return what is told of one purchase."""
        if not _paid(purchase):
            return Refunding()
        story = self.stories[turn % len(self.stories)]
        payloads = [self._payload(purchase, *told) for told in story.told]
        return Refunding(
            before=payloads if story.is_early else (),
            after=() if story.is_early else payloads,
            refunded_cents=int(_paid(purchase) * story.counted),
        )

    def _payload(self, purchase: Payload, number: int, share: float, status: str) -> Payload:
        return {
            "OpenId": purchase["OpenId"],
            "Env": purchase["Env"],
            "OutTradeNo": purchase["OutTradeNo"],
            "RefundNo": f"{purchase['OutTradeNo']}_R{number}",
            "RefundAmount": int(_paid(purchase) * share),
            "RefundStatus": status,
            "Reason": "Bought by mistake",
            "InitiatedAt": self.began,
            # The first ends first: what is too much is always the second.
            "FinishedAt": 0 if status == _BEGUN else self.began + number,
        }


def _paid(purchase: Payload) -> int:
    # Even, so that two halves are the whole; the simulated prices are totals in cents.
    paid: int = purchase["GoodsInfo"]["ActualPrice"]
    return paid - paid % 2
