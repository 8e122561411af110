"""What outlives a paid order, and what never became one: numbers that were used, refusals counted."""

from typing import ClassVar

from django.db import models

from orders.choices import Env
from permissions.models import MiniGame


class UsedNumber(models.Model):
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
