"""What tests of acts say all the time."""

import threading

from django.db import connection

from permissions import invitations
from permissions.matrix import TeamRole
from permissions.models import User
from sasvpay.kit.models import AuditEvent
from tests.factories import AT


def events():
    return list(AuditEvent.objects.order_by("pk").values_list("event", flat=True))


def fresh(user):
    """Return the person as the next request reads them."""
    return User.objects.get(pk=user.pk)


def offer(team, admin, email="new@example.com", role=TeamRole.DEVELOPER, at=AT):
    return invitations.invite(team=team, email=email, role=role, by=admin, at=at)


def at_once(*acts):
    """Run each act in a thread, released in one instant; return what each raised, or None."""
    gate = threading.Barrier(len(acts))
    raised: list[type[Exception] | None] = [None] * len(acts)

    def run(number, act):
        gate.wait()
        try:
            act()
        except Exception as problem:  # noqa: BLE001 -- the caller looks at what it was
            raised[number] = type(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised
