"""Virtual items: the identity, its versions, and the requests to release them."""

from typing import ClassVar, Final

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from permissions.models import EndableOfGame, MiniGame, OfGame
from sasvpay.kit.models import Job
from sasvpay.kit.review import EndableRequest, ReviewRequest
from sasvpay.kit.state import Stateful

# The protocol's own bound on an order's price: an item above it could never be bought at it.
MAX_PRICE_CENTS: Final = 10**9


class Item(OfGame):
    """What a game sells under one id, for ever. What it looks like and costs is in its versions.

    Whoever writes an item, its versions or their requests locks this row first.
    """

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="items", db_index=False)
    item_id = models.CharField(
        _("item ID"),
        max_length=64,
        validators=[
            RegexValidator(r"\A[A-Za-z0-9_-]{1,64}\Z", _("Use letters, digits, “_” and “-”."))
        ],
    )
    created_at = models.DateTimeField()
    # Counts the changes of content: who saves says on which they looked.
    revision = models.PositiveIntegerField(default=1)
    # A deleted item has no versions; its row stays, so that the id is never used again.
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            # Finds by the beginning of an id too: a plain index follows the language's order.
            models.UniqueConstraint(
                fields=["game", "item_id"],
                name="items_id_once_per_game",
                opclasses=["int8_ops", "varchar_pattern_ops"],
            ),
        ]

    def __str__(self) -> str:
        return self.item_id


class ItemVersion(Stateful):
    """An item's content. A draft stands beside the live version until it is released.

    Content changes in drafts only: orders and decisions refer to what it was. What was removed
    is released again as a copy.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        IN_REVIEW = "in_review", _("In review")
        RELEASED = "released", _("Released")
        REJECTED = "rejected", _("Rejected")
        REMOVED = "removed", _("Removed")
        REPLACED = "replaced", _("Replaced")

    TRANSITIONS: ClassVar = {
        Status.DRAFT: frozenset({Status.IN_REVIEW}),
        Status.IN_REVIEW: frozenset({Status.RELEASED, Status.REJECTED, Status.DRAFT}),
        Status.REJECTED: frozenset({Status.DRAFT, Status.IN_REVIEW}),
        Status.RELEASED: frozenset({Status.REMOVED, Status.REPLACED}),
        Status.REMOVED: frozenset({Status.REPLACED}),
    }
    # An item has at most one of each: what is being worked on, and what is or was on sale.
    WORK: ClassVar = frozenset({Status.DRAFT, Status.IN_REVIEW, Status.REJECTED})
    SHELF: ClassVar = frozenset({Status.RELEASED, Status.REMOVED})

    item = models.ForeignKey(Item, models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    name = models.CharField(_("name"), max_length=64)
    price_cents = models.BigIntegerField(_("price"))
    image = models.ImageField(_("image"), upload_to="items/", blank=True)
    thumbnail = models.ImageField(upload_to="items/", blank=True, default="")
    # SHA-256 of the file as it was uploaded: the same picture again is no change.
    image_digest = models.CharField(max_length=64, blank=True, default="")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DRAFT)
    created_at = models.DateTimeField()
    # Nobody looks for what a person changed, and nobody is deleted.
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False
    )
    changed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["item", "number"], name="items_version_number_once"),
            models.UniqueConstraint(
                fields=["item"],
                name="items_one_draft",
                condition=Q(status__in=["draft", "in_review", "rejected"]),
            ),
            models.UniqueConstraint(
                fields=["item"],
                name="items_one_on_the_shelf",
                condition=Q(status__in=["released", "removed"]),
            ),
            models.CheckConstraint(name="items_price_above_zero", condition=Q(price_cents__gt=0)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_work(self) -> bool:
        """Say whether it is a draft, in review or rejected."""
        return self.status in self.WORK

    @property
    def is_live(self) -> bool:
        """Say whether players can buy it."""
        return self.status == self.Status.RELEASED


class ExemptionRequest(EndableOfGame):
    """A team's wish to release a game's items without approval (product.md section 3)."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="exemption_requests")

    class Meta(EndableRequest.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *EndableRequest.Meta.constraints,
            models.UniqueConstraint(
                fields=["game"],
                name="items_one_pending_exemption_request",
                condition=Q(status="pending"),
            ),
            models.UniqueConstraint(
                fields=["game"],
                name="items_one_exemption_in_force",
                condition=Q(status="approved", ended_at=None),
            ),
            models.CheckConstraint(
                name="items_exemption_decided_by_a_person",
                condition=Q(status="pending", decided_by=None)
                | ~Q(status="pending") & Q(decided_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.game)


class ReleaseRequest(ReviewRequest):
    """A team's wish to put exactly this version of an item on sale."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    TRANSITIONS: ClassVar = {
        Status.PENDING: frozenset({Status.APPROVED, Status.REJECTED, Status.WITHDRAWN}),
    }

    version = models.ForeignKey(ItemVersion, models.CASCADE, related_name="release_requests")
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING)
    # Of the version at that moment: what is approved is what was asked for.
    digest = models.CharField(max_length=64)
    # Set when nobody decided: the game was exempt from approval.
    exemption = models.ForeignKey(ExemptionRequest, models.PROTECT, null=True, related_name="+")
    # Whoever took it back, or changed or removed the item meanwhile; often who asked.
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )

    class Meta(ReviewRequest.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *ReviewRequest.Meta.constraints,
            models.UniqueConstraint(
                fields=["version"],
                name="items_one_pending_release_request",
                condition=Q(status="pending"),
            ),
            models.CheckConstraint(
                name="items_release_decided_by_one",
                condition=Q(status="pending", decided_by=None, exemption=None, withdrawn_by=None)
                | Q(status="withdrawn", decided_by=None, exemption=None, withdrawn_by__isnull=False)
                | Q(status="rejected", decided_by__isnull=False, exemption=None, withdrawn_by=None)
                | Q(status="approved", withdrawn_by=None)
                & (
                    Q(decided_by__isnull=False, exemption=None)
                    | Q(decided_by=None, exemption__isnull=False)
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["requested_at", "id"],
                name="items_release_queue",
                condition=Q(status="pending"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version.item} #{self.version.number}"

    @property
    def audit_team_id(self) -> int | None:
        """Return the team whose chain remembers it."""
        return self.version.item.game.team_id

    @property
    def audit_game(self) -> str:
        """Return the game's app_id."""
        return self.version.item.game.app_id


class ImportBatch(OfGame, Stateful):
    """A workbook of items that somebody uploaded: looked at first, then imported or not."""

    class Status(models.TextChoices):
        READING = "reading", _("Being read")
        READY = "ready", _("Preview")
        APPLYING = "applying", _("Being imported")
        APPLIED = "applied", _("Imported")
        FAILED = "failed", _("Refused")
        DISCARDED = "discarded", _("Discarded")

    TRANSITIONS: ClassVar = {
        Status.READING: frozenset({Status.READY, Status.FAILED}),
        # Back to reading: the catalogue changed since the preview.
        Status.READY: frozenset({Status.APPLYING, Status.DISCARDED, Status.READING}),
        Status.APPLYING: frozenset({Status.APPLIED, Status.READY}),
    }

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="import_batches")
    workbook = models.FileField(upload_to="imports/")
    workbook_name = models.CharField(max_length=200)
    pictures = models.FileField(upload_to="imports/", blank=True)
    # Of whoever uploaded it: reasons are written by a worker, which has none of its own.
    language = models.CharField(max_length=16)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.READING)
    job = models.ForeignKey(Job, models.PROTECT, related_name="+")
    # Counts the runs of its jobs: one that was taken for dead writes nothing more.
    run = models.PositiveIntegerField(default=0)
    uploaded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    uploaded_at = models.DateTimeField()
    applied_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    applied_at = models.DateTimeField(null=True)
    # How many rows are what, as the preview told it; once imported, as it was done.
    new = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    wrong = models.PositiveIntegerField(default=0)
    # Those of the changed whose item is in review, and would be withdrawn from it.
    in_review = models.PositiveIntegerField(default=0)
    # What was passed over: columns that the list does not know, pictures that no row names.
    notes = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["game", "-uploaded_at"], name="items_imports_of_game"),
        ]

    def __str__(self) -> str:
        return self.workbook_name

    @property
    def is_busy(self) -> bool:
        """Say whether a job is at work on it, or about to be."""
        return self.status in {self.Status.READING, self.Status.APPLYING}

    @property
    def right(self) -> int:
        """Return how many rows can be imported."""
        return self.new + self.changed + self.unchanged


class ImportRow(models.Model):
    """A row of an uploaded workbook, and what would become of it."""

    class Kind(models.TextChoices):
        NEW = "new", _("New")
        CHANGED = "changed", _("Changed")
        UNCHANGED = "unchanged", _("Unchanged")
        WRONG = "wrong", _("Wrong")

    pk = models.CompositePrimaryKey("batch_id", "row")
    # The database need not look up the batch for each of 50,000 rows: whoever adds them holds it.
    batch = models.ForeignKey(
        ImportBatch, models.CASCADE, related_name="rows", db_index=False, db_constraint=False
    )
    row = models.PositiveIntegerField()
    kind = models.CharField(max_length=9, choices=Kind.choices)
    item_id = models.CharField(max_length=64)
    name = models.CharField(max_length=64)
    price_cents = models.BigIntegerField(null=True)
    image = models.CharField(max_length=100)
    thumbnail = models.CharField(max_length=100)
    image_digest = models.CharField(max_length=64)
    # The item's when it was looked at; 0 if there was none.
    revision = models.PositiveIntegerField(default=0)
    # Of wrong rows: the cells as they are, the problems, and where their picture is.
    content = models.JSONField(null=True)

    def __str__(self) -> str:
        return f"{self.batch_id}:{self.row} {self.kind}"
