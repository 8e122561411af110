"""The protocol for the developer's engineers: its vectors, and code that verifies a notification."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from orders.callback_docs import EXAMPLE_PAYLOAD, EXAMPLE_SIGNATURE
from orders.envelope import PURCHASE_EVENT

KEY: Final = "12345"


@dataclass(frozen=True)
class Vector:
    """A payload and what its signature must be."""

    payload: str
    signature: str
    key: str = KEY
    event: str = PURCHASE_EVENT

    @property
    def signed_text(self) -> str:
        """Return what goes into the HMAC."""
        return f"{self.event}&{self.payload}"


VECTORS: Final = (
    Vector(EXAMPLE_PAYLOAD, EXAMPLE_SIGNATURE),
    Vector(
        EXAMPLE_PAYLOAD.replace("a=1&b=2", "中文 皮肤"),
        "cb535fa6327f5362e591eedd1cfdaac5fe6df0a1d498414983b68c6d1e3248a7",
    ),
)

_FOLDER: Final = Path(__file__).parent / "samples"
# The tests run these files; the page shows them.
SAMPLES: Final = {
    language: (_FOLDER / name).read_text(encoding="utf-8")
    for language, name in (("Python", "verify.py"), ("JavaScript (Node.js)", "verify.js"))
}
