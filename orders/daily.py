"""The tables of the daily figures, which `orders.rollup` writes."""

from typing import ClassVar

from django.db import models

from permissions.models import MiniGame, OfGame


class DailySales(OfGame):
    """What a mini game sold on one day of the console's zone; test orders have a row of their own.

    What came of delivery is told by the day of the order, however late it ended.
    """

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+", db_index=False)
    is_test = models.BooleanField()
    day = models.DateField()
    orders = models.IntegerField()
    paid_cents = models.BigIntegerField()
    payers = models.IntegerField()
    delivered = models.IntegerField()
    failed = models.IntegerField()
    # Orders by how long they took to be delivered: {step of `orders.waits`: orders}.
    waits = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["game", "is_test", "day"], name="orders_day_once"),
        ]

    def __str__(self) -> str:
        return f"{self.game_id}: {self.day}"


class PayingPlayer(OfGame):
    """A player who paid in a mini game, and the last day on which that was."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+", db_index=False)
    open_id = models.CharField(max_length=128)
    last_paid_day = models.DateField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["game", "open_id"], name="orders_player_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["game", "last_paid_day"], name="orders_players_by_day"),
        ]

    def __str__(self) -> str:
        return self.open_id


class LateOutcome(OfGame):
    """A note that an old order's delivery ended only now: its day is to be computed anew."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+", db_index=False)
    ordered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.game_id}: {self.ordered_at}"


class Rollup(models.Model):
    """How far a kind of daily figures is; whoever computes them holds this row."""

    name = models.CharField(max_length=16, primary_key=True)
    swept_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name
