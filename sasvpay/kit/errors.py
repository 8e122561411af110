"""DomainError: a refusal that was foreseen, with words fit for the person who meets it."""

from typing import ClassVar


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
