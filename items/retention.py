"""What becomes of uploaded workbooks: previews that nobody came back to, and old imports."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from items import images, import_reading
from items.models import ImportBatch

Status = ImportBatch.Status
# A preview that was neither imported nor discarded for so long is not waited for any more.
PREVIEW_KEPT: Final = timedelta(days=30)
_ENDED: Final = (Status.APPLIED, Status.FAILED, Status.DISCARDED)


def due(*, before: datetime, at: datetime) -> "QuerySet[ImportBatch]":
    """Return the imports that may go, with their rows, files and the pictures only they have."""
    return ImportBatch.objects.filter(
        Q(status__in=_ENDED, uploaded_at__lt=before)
        | Q(status=Status.READY, uploaded_at__lt=at - PREVIEW_KEPT)
    )


def remove_imports(*, before: datetime, at: datetime) -> int:
    """Delete those imports, and return how many there were."""
    pks = list(due(before=before, at=at).values_list("pk", flat=True))
    return sum(_remove(pk, before=before, at=at) for pk in pks)


@transaction.atomic
def _remove(pk: int, *, before: datetime, at: datetime) -> int:
    skips = connection.features.has_select_for_update_skip_locked
    rows = due(before=before, at=at).select_for_update(skip_locked=skips, of=("self",))
    batch = rows.filter(pk=pk).first()
    if batch is None:
        return 0
    import_reading.forget(batch)
    files = [field.name for field in (batch.workbook, batch.pictures) if field.name]
    batch.delete()
    transaction.on_commit(partial(images.delete, files))
    return 1
