"""What is left of uploads that nobody imports: thrown away by a person, or by a sweep after a week."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from items import images, import_reading
from items.models import ImportBatch
from permissions.models import User

Status = ImportBatch.Status
# Since somebody last looked at it.
KEPT: Final = timedelta(days=7)


@transaction.atomic
def discard(*, batch: ImportBatch, by: User, at: datetime) -> None:
    """Import nothing, and keep neither the rows nor the files."""
    batch = ImportBatch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    batch.move_to(Status.DISCARDED)
    _throw_away(batch)


@transaction.atomic
def discard_abandoned(*, at: datetime) -> int:
    """Throw away what was neither imported nor discarded, and what was refused; return how many."""
    old = ImportBatch.objects.select_for_update(of=("self",)).filter(job__created_at__lt=at - KEPT)
    found = list(old.filter(status__in=[Status.READY, Status.FAILED]).exclude(workbook=""))
    for batch in found:
        if batch.status == Status.READY:
            batch.move_to(Status.DISCARDED)
            with translation.override(batch.language):
                batch.error = _("Nobody imported it within 7 days.")
        _throw_away(batch)
    return len(found)


def _throw_away(batch: ImportBatch) -> None:
    import_reading.forget(batch)
    transaction.on_commit(partial(delete_files, batch.workbook.name, batch.pictures.name))
    batch.workbook, batch.pictures = "", ""
    batch.save(update_fields=["status", "error", "workbook", "pictures"])


def delete_files(*names: str | None) -> None:
    """Delete an upload's files."""
    images.delete([name for name in names if name])
