"""What becomes of old imports; of previews that nobody came back to, see leftovers."""

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from django.db import connection, transaction

from items import images, import_reading
from items.models import ImportBatch

if TYPE_CHECKING:
    from django.db.models import QuerySet

Status = ImportBatch.Status
_ENDED: Final = (Status.APPLIED, Status.FAILED, Status.DISCARDED)


def due(*, before: datetime) -> "QuerySet[ImportBatch]":
    """Return the imports that may go, with their rows, files and the pictures only they have."""
    return ImportBatch.objects.filter(status__in=_ENDED, uploaded_at__lt=before)


def remove_imports(*, before: datetime) -> int:
    """Delete those imports, and return how many there were."""
    pks = list(due(before=before).values_list("pk", flat=True))
    return sum(_remove(pk, before=before) for pk in pks)


@transaction.atomic
def _remove(pk: int, *, before: datetime) -> int:
    skips = connection.features.has_select_for_update_skip_locked
    rows = due(before=before).select_for_update(skip_locked=skips, of=("self",))
    batch = rows.filter(pk=pk).first()
    if batch is None:
        return 0
    import_reading.forget(batch)
    files = [field.name for field in (batch.workbook, batch.pictures) if field.name]
    batch.delete()
    transaction.on_commit(partial(images.delete, files))
    return 1
