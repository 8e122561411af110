"""DomainError: a refusal that was foreseen, with words for the person; and which faults pass by."""

from typing import ClassVar, Final

from django.db import InterfaceError, InternalError, OperationalError

# Not reached, full, locked, out of connections, read-only after a failover: it comes back.
DATABASE_AWAY: Final = (OperationalError, InterfaceError, InternalError)


class DomainError(Exception):
    """An anticipated refusal. The message is shown as it is; programs read `code`.

    Subclasses sit beside the function that raises them. Anything else that is raised is a bug.
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409

    @property
    def message(self) -> str:
        """Return the sentence for the person."""
        return str(self.args[0]) if self.args else self.code
