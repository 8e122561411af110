"""Who may do what: one table that looks like the requirement.

The six columns are the product's matrix; the reviewer's column and the rows at the end are
settled in addition. The only file to edit when the requirement changes.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

Y: Final = True
N: Final = False

Row = tuple[bool, bool, bool, bool, bool, bool, bool]


class Role(models.TextChoices):
    """The six roles, and the superapp's reviewer beside them; in the order of the columns."""

    SUPER_ADMIN = "super_admin", _("Super admin")
    PLATFORM_ADMIN = "platform_admin", _("Platform admin")
    TEAM_ADMIN = "team_admin", _("Mini program administrator")
    SENIOR_DEVELOPER = "senior_developer", _("Senior developer")
    DEVELOPER = "developer", _("Developer")
    OPERATOR = "operator", _("Operator")
    REVIEWER = "reviewer", _("Superapp reviewer")


class HouseRole(models.TextChoices):
    """Roles that are held everywhere."""

    SUPER_ADMIN = Role.SUPER_ADMIN.value, Role.SUPER_ADMIN.label
    PLATFORM_ADMIN = Role.PLATFORM_ADMIN.value, Role.PLATFORM_ADMIN.label
    REVIEWER = Role.REVIEWER.value, Role.REVIEWER.label


class TeamRole(models.TextChoices):
    """Roles that are held in a team."""

    TEAM_ADMIN = Role.TEAM_ADMIN.value, Role.TEAM_ADMIN.label
    SENIOR_DEVELOPER = Role.SENIOR_DEVELOPER.value, Role.SENIOR_DEVELOPER.label
    DEVELOPER = Role.DEVELOPER.value, Role.DEVELOPER.label
    OPERATOR = Role.OPERATOR.value, Role.OPERATOR.label


class Capability(StrEnum):
    """What can be allowed."""

    PAYMENT_VIEW = "payment.view"
    PAYMENT_REQUEST = "payment.request"
    PAYMENT_DECIDE = "payment.decide"

    DELIVERY_CONFIG_VIEW = "delivery_config.view"
    DELIVERY_CONFIG_CHANGE = "delivery_config.change"
    DELIVERY_CONFIG_REQUEST_KEY = "delivery_config.request_key"
    DELIVERY_VIEW = "delivery.view"
    DELIVERY_RESEND = "delivery.resend"
    CALLBACK_KEY_ROTATE = "callback_key.rotate"

    EXEMPTION_VIEW = "exemption.view"
    EXEMPTION_REQUEST = "exemption.request"
    EXEMPTION_DECIDE = "exemption.decide"

    ITEM_VIEW = "item.view"
    ITEM_DOWNLOAD_TEMPLATE = "item.download_template"
    ITEM_EDIT = "item.edit"
    ITEM_REQUEST_RELEASE = "item.request_release"
    ITEM_REMOVE = "item.remove"
    RELEASE_DECIDE = "release.decide"

    ORDER_VIEW = "order.view"
    ORDER_EXPORT = "order.export"
    REFUND_VIEW = "refund.view"
    REFUND_EXPORT = "refund.export"
    DASHBOARD_VIEW = "dashboard.view"

    TEAM_KEEP = "team.keep"
    HOUSE_KEEP = "house.keep"
    MEMBER_VIEW = "member.view"
    MEMBER_CHANGE = "member.change"
    AUDIT_VIEW = "audit.view"
    AUDIT_EXPORT = "audit.export"

    @property
    def codename(self) -> str:
        """Return the name as a permission: guardian reads a dot as an app's label."""
        return self.value.replace(".", "_")


# fmt: off
_TABLE: Final[Mapping[Capability, Row]] = {
    #                                          super plat  admin senior dev  oper  reviewer
    Capability.PAYMENT_VIEW:                   (Y,   Y,    Y,    Y,     Y,   Y,    Y),
    Capability.PAYMENT_REQUEST:                (N,   N,    Y,    N,     N,   N,    N),
    Capability.DELIVERY_CONFIG_VIEW:           (Y,   Y,    Y,    Y,     Y,   Y,    N),
    Capability.DELIVERY_CONFIG_CHANGE:         (N,   N,    Y,    Y,     N,   N,    N),
    Capability.DELIVERY_CONFIG_REQUEST_KEY:    (N,   N,    Y,    Y,     N,   N,    N),
    Capability.DELIVERY_VIEW:                  (Y,   Y,    Y,    Y,     Y,   Y,    N),
    Capability.DELIVERY_RESEND:                (N,   N,    Y,    Y,     N,   N,    N),
    Capability.EXEMPTION_VIEW:                 (Y,   Y,    Y,    Y,     Y,   Y,    Y),
    Capability.EXEMPTION_REQUEST:              (N,   N,    Y,    Y,     N,   N,    N),
    Capability.ITEM_VIEW:                      (Y,   Y,    Y,    Y,     Y,   Y,    Y),
    Capability.ITEM_DOWNLOAD_TEMPLATE:         (N,   N,    Y,    Y,     Y,   N,    N),
    Capability.ITEM_EDIT:                      (N,   N,    Y,    Y,     Y,   N,    N),
    Capability.ITEM_REQUEST_RELEASE:           (N,   N,    Y,    Y,     N,   N,    N),
    Capability.ITEM_REMOVE:                    (N,   N,    Y,    N,     N,   N,    N),
    Capability.ORDER_VIEW:                     (Y,   Y,    Y,    Y,     Y,   Y,    N),
    Capability.ORDER_EXPORT:                   (Y,   Y,    Y,    Y,     Y,   Y,    N),
    Capability.REFUND_VIEW:                    (Y,   Y,    Y,    Y,     Y,   Y,    N),
    Capability.REFUND_EXPORT:                  (Y,   Y,    Y,    Y,     Y,   Y,    N),
    # Beyond the product's matrix:
    Capability.PAYMENT_DECIDE:                 (N,   N,    N,    N,     N,   N,    Y),
    Capability.CALLBACK_KEY_ROTATE:            (N,   N,    N,    N,     N,   N,    Y),
    Capability.EXEMPTION_DECIDE:               (N,   N,    N,    N,     N,   N,    Y),
    Capability.RELEASE_DECIDE:                 (N,   N,    N,    N,     N,   N,    Y),
    Capability.TEAM_KEEP:                      (Y,   Y,    N,    N,     N,   N,    N),
    Capability.HOUSE_KEEP:                     (Y,   N,    N,    N,     N,   N,    N),
    Capability.MEMBER_VIEW:                    (Y,   Y,    Y,    Y,     Y,   Y,    N),
    Capability.MEMBER_CHANGE:                  (N,   N,    Y,    N,     N,   N,    N),
    Capability.AUDIT_VIEW:                     (Y,   Y,    Y,    N,     N,   N,    N),
    Capability.AUDIT_EXPORT:                   (Y,   Y,    Y,    N,     N,   N,    N),
    Capability.DASHBOARD_VIEW:                 (Y,   Y,    Y,    Y,     Y,   Y,    N),
}
# fmt: on

DEFAULTS: Final[Mapping[Role, frozenset[Capability]]] = {
    role: frozenset(capability for capability, row in _TABLE.items() if row[column])
    for column, role in enumerate(Role)
}
# The superapp itself keeps these: no team holds them, and no grant can give them.
HOUSE_ONLY: Final = frozenset(
    capability
    for capability in Capability
    if not any(capability in DEFAULTS[Role(role.value)] for role in TeamRole)
)
# What a person may be given on one mini game; the rest is about the team as a whole.
GRANTABLE: Final = tuple(
    capability
    for capability in Capability
    if capability not in HOUSE_ONLY and not capability.startswith(("member.", "audit."))
)
