"""The master key's rotation: every secret at rest is put under the first of MASTER_KEYS.

It runs beside the console: readers open secrets under any of the keys, and a batch holds its rows
for a moment only. What is under the first key already is left alone, so it may be run again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import models, transaction

from sasvpay.kit import crypto
from sasvpay.kit.crypto import UnreadableSecretError

BATCH: Final = 200
_ENDING: Final = "_encrypted"
# What allauth gives to our adapter to encrypt; the rest of a factor's data is no secret.
_OF_FACTORS: Final = ("secret", "seed", "migrated_codes")


@dataclass
class Report:
    """What became of one column."""

    column: str
    renewed: int = 0
    current: int = 0
    unreadable: list[Any] = field(default_factory=list)


def rotate() -> Iterator[Report]:
    """Put every column's secrets under the first master key, one column after the other."""
    for model, name in columns():
        report = Report(f"{model._meta.label}.{name}")
        after: Any = 0
        while after is not None:
            after = _batch(model, name, after, report)
        yield report


def columns() -> list[tuple[Any, str]]:
    """Return every column that holds secrets: by their names, and the second factors."""
    ours = [
        (model, column.name)
        for model in apps.get_models()
        for column in model._meta.concrete_fields
        if isinstance(column, models.BinaryField) and column.name.endswith(_ENDING)
    ]
    return [*ours, (Authenticator, "data")]


@transaction.atomic
def _batch(model: Any, name: str, after: Any, report: Report) -> Any:
    """Renew some rows behind a key; return the last one's, or None when there was none."""
    rows = model.objects.exclude(**{name: None}).filter(pk__gt=after).order_by("pk")
    pk = None
    for row in rows.only(name).select_for_update(no_key=True)[:BATCH]:
        pk = row.pk
        try:
            renewed = _renewed(getattr(row, name))
        except UnreadableSecretError:
            report.unreadable.append(pk)
            continue
        if renewed is None:
            report.current += 1
        else:
            setattr(row, name, renewed)
            row.save(update_fields=[name])
            report.renewed += 1
    return pk


def _renewed(stored: Any) -> Any:
    """Return what is stored under the first master key, or None if it is already."""
    if isinstance(stored, dict):
        return _renewed_factor(stored)
    return None if crypto.is_current(stored) else crypto.rotate(stored)


def _renewed_factor(data: dict[str, Any]) -> dict[str, Any] | None:
    renewed = {name: _renewed_text(data[name]) for name in _OF_FACTORS if name in data}
    return data | renewed if any(data[name] != then for name, then in renewed.items()) else None


def _renewed_text(stored: Any) -> Any:
    if isinstance(stored, list):
        return [_renewed_text(one) for one in stored]
    token = str(stored).encode("ascii")
    return stored if crypto.is_current(token) else crypto.rotate(token).decode("ascii")
