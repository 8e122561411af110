"""People, teams, mini games and what they are granted; requests to enable payment and its keys."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from guardian.models import (  # noqa: TID251 -- guardian stores the grants, here
    UserObjectPermissionBase,
)

from permissions.matrix import GRANTABLE, HOUSE_ONLY, Capability, HouseRole, TeamRole
from sasvpay.kit.review import EndableRequest, ReviewStatus
from sasvpay.kit.state import Stateful


class UserManager(BaseUserManager["User"]):
    """Makes people; what they may do is granted elsewhere."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Add a person, without a usable password if none is given."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person. House roles are held everywhere; all other roles are memberships of teams."""

    class Theme(models.TextChoices):
        SYSTEM = "", _("As the system")
        LIGHT = "light", _("Light")
        DARK = "dark", _("Dark")

    class Density(models.TextChoices):
        NORMAL = "", _("Normal")
        COMPACT = "compact", _("Compact")

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=64)
    house_role = models.CharField(max_length=16, choices=HouseRole.choices, blank=True, default="")
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(auto_now_add=True)
    language = models.CharField(max_length=8, blank=True, default="")
    theme = models.CharField(max_length=8, choices=Theme.choices, blank=True, default="")
    density = models.CharField(max_length=8, choices=Density.choices, blank=True, default="")

    objects: ClassVar[UserManager] = UserManager()

    EMAIL_FIELD = "email"
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        constraints: ClassVar = [
            # Django and guardian say yes to everything for a superuser.
            models.CheckConstraint(
                name="nobody_passes_the_matrix", condition=Q(is_superuser=False)
            ),
            models.UniqueConstraint(
                fields=["house_role"],
                name="permissions_one_super_admin",
                condition=Q(house_role=HouseRole.SUPER_ADMIN),
            ),
            models.UniqueConstraint(Lower("email"), name="permissions_email_in_any_case"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def role_in(self, team_id: int | None) -> str:
        """Return the code of the role held in that team, or in the house."""
        if self.house_role or team_id is None:
            return self.house_role
        return next((m.role for m in self.memberships.all() if m.team_id == team_id), "")

    @property
    def audit_team_id(self) -> int | None:
        """People belong to the house's chain."""
        return None

    @property
    def audit_game(self) -> str:
        """No mini game."""
        return ""


class Team(models.Model):
    """A partner of the superapp."""

    name = models.CharField(_("name"), max_length=64, unique=True)
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        permissions = [(c.codename, c.value) for c in Capability if c not in HOUSE_ONLY]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_team_id(self) -> int | None:
        """Return itself."""
        return self.pk

    @property
    def audit_game(self) -> str:
        """No mini game."""
        return ""


class OfTeam(models.Model):
    """What belongs to a team, and is remembered in its chain."""

    team_id: int

    class Meta:
        abstract = True

    @property
    def audit_team_id(self) -> int | None:
        """Return the team whose chain remembers it."""
        return self.team_id

    @property
    def audit_game(self) -> str:
        """No mini game."""
        return ""


class Merchant(OfTeam):
    """Who receives a team's money. Without one, payment cannot be requested."""

    team = models.OneToOneField(Team, models.CASCADE)
    merchant_id = models.CharField(_("merchant ID"), max_length=64)
    name = models.CharField(_("merchant name"), max_length=64)
    bound_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} ({self.merchant_id})"


class Membership(OfTeam):
    """A person's role in a team."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=16, choices=TeamRole.choices)
    joined_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "user"], name="permissions_member_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.team}"


class Invitation(OfTeam, Stateful):
    """A place in a team, offered by e-mail. Only a hash of the link's token is kept."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        ACCEPTED = "accepted", _("Accepted")
        REVOKED = "revoked", _("Withdrawn")

    TRANSITIONS: ClassVar = {Status.PENDING: frozenset({Status.ACCEPTED, Status.REVOKED})}

    team = models.ForeignKey(Team, models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail"))
    role = models.CharField(_("role"), max_length=16, choices=TeamRole.choices)
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.PENDING)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["team", "email"],
                name="permissions_one_pending_invitation",
                condition=Q(status="pending"),
            ),
        ]

    def __str__(self) -> str:
        return self.email


class MiniGame(OfTeam):
    """A game of a team; everything about payment is reached through it."""

    team = models.ForeignKey(Team, models.PROTECT, related_name="games")
    app_id = models.CharField(
        _("app ID"),
        max_length=64,
        unique=True,
        validators=[
            RegexValidator(r"\A[A-Za-z0-9_-]{1,64}\Z", _("Use letters, digits, “_” and “-”."))
        ],
    )
    name = models.CharField(_("name"), max_length=64)
    created_at = models.DateTimeField()
    # A copy of "a payment request is in force", for the callback's one statement.
    payment_enabled = models.BooleanField(default=False)

    class Meta:
        default_permissions = ()
        permissions = [(c.codename, c.value) for c in GRANTABLE]

    def __str__(self) -> str:
        return self.name

    @property
    def audit_game(self) -> str:
        """Return its app_id."""
        return self.app_id


class TeamGrant(UserObjectPermissionBase):
    """One capability of one person in one team; equal to the role's column of the matrix."""

    content_object = models.ForeignKey(Team, models.CASCADE)


class GameGrant(UserObjectPermissionBase):
    """One capability of one person on one mini game, beyond any role."""

    content_object = models.ForeignKey(MiniGame, models.CASCADE)


class OfGame(models.Model):
    """What belongs to a mini game, and is remembered in its team's chain."""

    game: "models.ForeignKey[MiniGame, MiniGame]"

    class Meta:
        abstract = True

    @property
    def audit_team_id(self) -> int | None:
        """Return the team whose chain remembers it."""
        return self.game.team_id

    @property
    def audit_game(self) -> str:
        """Return the game's app_id."""
        return self.game.app_id


class EndableOfGame(OfGame, EndableRequest):
    """A request about a mini game whose approval can be ended."""

    Status = ReviewStatus
    TRANSITIONS: ClassVar = {
        ReviewStatus.PENDING: frozenset({ReviewStatus.APPROVED, ReviewStatus.REJECTED}),
    }

    status = models.CharField(
        max_length=16, choices=ReviewStatus.choices, default=ReviewStatus.PENDING
    )

    class Meta(EndableRequest.Meta):
        abstract = True


class PaymentRequest(EndableOfGame):
    """A team's wish to have payment enabled for a mini game (product.md section 2)."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="payment_requests")

    class Meta(EndableRequest.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *EndableRequest.Meta.constraints,
            models.UniqueConstraint(
                fields=["game"],
                name="permissions_one_pending_payment_request",
                condition=Q(status="pending"),
            ),
            models.UniqueConstraint(
                fields=["game"],
                name="permissions_one_payment_in_force",
                condition=Q(status="approved", ended_at=None),
            ),
            # A person decided it: payment has no exemption.
            models.CheckConstraint(
                name="permissions_payment_decided_by_a_person",
                condition=Q(status="pending", decided_by=None)
                | ~Q(status="pending") & Q(decided_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.game)


class CallbackKey(OfGame):
    """The superapp's key for a mini game's callbacks. The team never sees it."""

    game = models.ForeignKey(MiniGame, models.PROTECT, related_name="callback_keys")
    secret_encrypted = models.BinaryField()
    issued_at = models.DateTimeField()
    issued_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    shown_at = models.DateTimeField(null=True)
    shown_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    # A rotated key verifies until then (24 hours).
    retires_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["game"],
                name="permissions_one_current_callback_key",
                condition=Q(retires_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.game}: {self.issued_at:%Y-%m-%d}"
