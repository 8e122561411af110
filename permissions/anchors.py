"""Anchors of the audit trail: mailed to the super admin, because a mailbox lies elsewhere."""

from datetime import datetime

from django.db import transaction

from permissions.matrix import HouseRole
from permissions.models import User
from sasvpay.kit import audit_check, mail


@transaction.atomic
def send(*, at: datetime) -> int:
    """Mail where every chain of the trail ends, and return to how many people."""
    keepers = User.objects.filter(house_role=HouseRole.SUPER_ADMIN, is_active=True)
    line = audit_check.anchor(at)
    for keeper in keepers:
        mail.send(
            to=keeper.email,
            template="permissions/audit_anchor",
            context={"line": line, "at": at},
            kind="audit_anchor",
            at=at,
            language=keeper.language,
        )
    return len(keepers)
