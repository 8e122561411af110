"""What is remembered of deliveries beside the work itself: people's acts, and failing servers."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from orders.choices import Env, Verdict
from permissions.models import MiniGame


class DeliveryAct(models.Model):
    """What a person did about one delivery."""

    class Kind(models.TextChoices):
        RESENT = "resent", _("Sent again")
        SETTLED = "settled", _("Marked as delivered by hand")

    delivery = models.ForeignKey("orders.Delivery", models.CASCADE, related_name="acts")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True, default="")

    def __str__(self) -> str:
        return f"{self.delivery_id}: {self.kind}"


class Receiver(models.Model):
    """How a game's URL of one environment answers: its failures in a row, and what follows.

    While `next_at` is set nothing goes there before that moment: a probe at a time while it is
    paused, a few orders a second while what waited is sent.
    """

    game = models.ForeignKey(MiniGame, models.CASCADE, related_name="receivers")
    env = models.CharField(max_length=1, choices=Env.choices)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    last_verdict = models.CharField(max_length=16, choices=Verdict.choices)
    last_detail = models.CharField(max_length=300, blank=True, default="")
    paused_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)
    # When the team's administrators were written to, once per pause.
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["game", "env"], name="orders_receiver_once"),
            models.CheckConstraint(
                name="orders_receiver_paused_until",
                condition=Q(paused_at=None) | Q(next_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.game_id}/{self.env}: {self.failures} failures"
