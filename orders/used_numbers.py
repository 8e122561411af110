"""What an order number leaves behind when its order is purged: itself, and a digest of what it was.

So a replay after the purge makes no new order (R10): what says the same is answered as a
success, what says something else is kept as a conflict.
"""

import hashlib
import json
from typing import Any

from orders import intake_sql


def digest_of(told: Any) -> str:
    """Return the SHA-256 (hex) of what makes a repeated number equal, of an order or a purchase."""
    content = [getattr(told, name) for name in intake_sql.COMPARED]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
