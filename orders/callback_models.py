"""What callbacks leave behind beside orders: conflicts, awaited and used numbers, refusals counted."""

from typing import ClassVar

from django.db import models

from orders.choices import Env
from permissions.models import MiniGame, OfGame


class ConflictingCallback(OfGame):
    """An authentic callback whose number was stored with other content; kept verbatim."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+")
    order = models.ForeignKey("orders.Order", models.PROTECT, null=True, related_name="conflicts")
    event = models.CharField(max_length=64)
    env = models.CharField(max_length=1, choices=Env.choices)
    number = models.CharField(max_length=64)
    pay_model = models.CharField(max_length=128)
    payload = models.TextField()
    # The names of the fields that differ, separated by spaces.
    differs = models.CharField(max_length=300)
    request_id = models.CharField(max_length=36)
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["game", "-created_at"], name="orders_conflicts_newest"),
        ]

    def __str__(self) -> str:
        return self.number


class AwaitedOrder(OfGame):
    """The number of an order that something came before: storing it tells that it is awaited."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+")
    env = models.CharField(max_length=1, choices=Env.choices)
    number = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["game", "env", "number"], name="orders_awaited_once"),
        ]

    def __str__(self) -> str:
        return self.number


class UsedNumber(OfGame):
    """The number of an order that was purged: it makes no new order, ever."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="+", db_index=False)
    env = models.CharField(max_length=1, choices=Env.choices)
    number = models.CharField(max_length=64)
    # Tells whether a replay says the same (`used_numbers.digest_of`), without keeping what it said.
    digest = models.CharField(max_length=64)
    left_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["number", "game", "env"], name="orders_used_once"),
        ]

    def __str__(self) -> str:
        return self.number


class RefusedCallback(models.Model):
    """How many callbacks were ever refused with one code."""

    code = models.CharField(max_length=5, primary_key=True)
    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.code}: {self.number}"
