"""The SQL of an import: the same for both databases but for how rows get in and what is locked.

Rows go into a temporary table first, then one statement compares them with the catalogue.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from django.db import connection

from items.models import ImportBatch, ImportRow
from permissions.models import User

Kind = ImportRow.Kind
_CHUNK: Final = "items_import_chunk"
_WORK: Final = "items_import_work"
PLAIN: Final = ("row", "item_id", "name", "price_cents")
STAGED: Final = (*PLAIN, "image", "thumbnail", "image_digest")
_CHUNK_COLUMNS: Final = (
    "row integer, item_id text, name text, price_cents bigint,"
    " image text default '', thumbnail text default '', image_digest text default ''"
)
# What is worked on of an item, and what is or was on sale: an item has at most one of each.
_VERSIONS: Final = """
left join items_itemversion work
    on work.item_id = item.id and work.status in ('draft', 'in_review', 'rejected')
left join items_itemversion shelf
    on shelf.item_id = item.id and shelf.status in ('released', 'removed')
"""
_SAME: Final = """
    coalesce(work.name, shelf.name) = r.name
    and coalesce(work.price_cents, shelf.price_cents) = r.price_cents
    and (r.image_digest = '' or coalesce(work.image_digest, shelf.image_digest) = r.image_digest)
"""
_COMPARE: Final = f"""
insert into items_importrow (batch_id, kind, revision, {", ".join(STAGED)})
select %s,
    case when item.id is null then 'new' when {_SAME} then 'unchanged' else 'changed' end,
    coalesce(item.revision, 0),
    {", ".join(f"r.{name}" for name in STAGED)}
from {_CHUNK} r
left join items_item item on item.game_id = %s and item.item_id = r.item_id
{_VERSIONS}
order by r.row
"""  # noqa: S608 -- our own names, no values
_COUNT_IN_REVIEW: Final = """
select count(*) from items_importrow r
join items_item item on item.game_id = %s and item.item_id = r.item_id
join items_itemversion work on work.item_id = item.id and work.status = 'in_review'
where r.batch_id = %s and r.kind = 'changed'
"""
_MADE: Final = (
    "item_id, number, name, price_cents, image, thumbnail, image_digest,"
    " status, created_at, changed_by_id, changed_at"
)
_NEW_ITEMS: Final = """
insert into items_item (game_id, item_id, created_at, revision)
select %s, r.item_id, %s, 1 from items_importrow r
where r.batch_id = %s and r.kind = 'new'
order by r.item_id
on conflict (game_id, item_id) do nothing
"""
_NEW_VERSIONS: Final = f"""
insert into items_itemversion ({_MADE})
select item.id, 1, r.name, r.price_cents, r.image, r.thumbnail, r.image_digest,
    'draft', %s, %s, %s
from items_importrow r
join items_item item on item.game_id = %s and item.item_id = r.item_id and item.deleted_at is null
where r.batch_id = %s and r.kind = 'new' {{only_ours}}
order by item.id
"""  # noqa: S608 -- our own names, no values
# Nobody else sees an item before it has a version.
_ONLY_OURS: Final = "and not exists (select 1 from items_itemversion v where v.item_id = item.id)"
_LOCK: Final = """
select item.id from items_item item
join items_importrow r on item.game_id = %s and item.item_id = r.item_id
where r.batch_id = %s and r.kind in ('changed', %s)
order by item.id for no key update of item
"""
_TO_DO: Final = f"""
create temporary table {_WORK} {{on_commit}} as
select item.id as item_pk, item.deleted_at, item.revision as revision_now, r.revision,
    work.id as work_id, work.status as work_status, shelf.id as shelf_id,
    r.name, r.price_cents,
    case when r.image_digest = '' then coalesce(work.image, shelf.image, '')
        else r.image end as image,
    case when r.image_digest = '' then coalesce(work.thumbnail, shelf.thumbnail, '')
        else r.thumbnail end as thumbnail,
    case when r.image_digest = '' then coalesce(work.image_digest, shelf.image_digest, '')
        else r.image_digest end as image_digest,
    coalesce(work.image, '') as image_before, coalesce(work.thumbnail, '') as thumbnail_before
from items_importrow r
join items_item item on item.game_id = %s and item.item_id = r.item_id
{_VERSIONS}
where r.batch_id = %s and r.kind in ('changed', %s)
    and (coalesce(work.id, shelf.id) is null or not ({_SAME}))
"""  # noqa: S608 -- our own names, no values
# Somebody was faster: the content is not the one that the preview was compared with.
_STALE: Final = f"""
select count(*) from {_WORK} where deleted_at is not null or revision_now <> revision
"""  # noqa: S608 -- our own names, no values
_CHANGE: Final = f"""
update items_itemversion set name = w.name, price_cents = w.price_cents, image = w.image,
    thumbnail = w.thumbnail, image_digest = w.image_digest, status = 'draft',
    changed_by_id = %s, changed_at = %s
from {_WORK} w where items_itemversion.id = w.work_id
"""  # noqa: S608 -- our own names, no values
_MAKE: Final = f"""
insert into items_itemversion ({_MADE})
select w.item_pk,
    (select max(v.number) + 1 from items_itemversion v where v.item_id = w.item_pk),
    w.name, w.price_cents, w.image, w.thumbnail, w.image_digest, 'draft', %s, %s, %s
from {_WORK} w where w.work_id is null order by w.item_pk
"""  # noqa: S608 -- our own names, no values
_TOUCH: Final = f"""
update items_item set revision = items_item.revision + 1
from {_WORK} w where items_item.id = w.item_pk
"""  # noqa: S608 -- our own names, no values
_COUNTS: Final = f"""
select count(*), coalesce(sum(case when work_status = 'in_review' then 1 else 0 end), 0)
from {_WORK}
"""  # noqa: S608 -- our own names, no values
# Pictures that no version shows any more: those of drafts that have another one now.
_LEFT: Final = f"""
select w.image_before, w.thumbnail_before from {_WORK} w
where w.image_before <> '' and not exists (
    select 1 from items_itemversion v where v.item_id = w.item_pk and v.image = w.image_before)
"""  # noqa: S608 -- our own names, no values
# Pictures that were stored for rows which changed nothing after all.
_UNUSED: Final = """
select r.image, r.thumbnail from items_importrow r
join items_item item on item.game_id = %s and item.item_id = r.item_id
where r.batch_id = %s and r.image <> '' and not exists (
    select 1 from items_itemversion v where v.item_id = item.id and v.image = r.image)
"""


def lines(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as they are staged: csv, which PostgreSQL takes as it is."""
    file = io.StringIO()
    # In quotes an empty text is one, and not nothing.
    csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerows(rows)
    return file.getvalue()


def stage(batch: ImportBatch, *, plain: str, pictured: str) -> None:
    """Keep rows, each with what it would change, from lines of PLAIN or STAGED. In a transaction."""
    with connection.cursor() as cursor:
        kept = " on commit delete rows" if _is_postgresql() else ""
        cursor.execute(f"create temporary table if not exists {_CHUNK} ({_CHUNK_COLUMNS}){kept}")
        # Two parts may be within one transaction.
        cursor.execute(f"delete from {_CHUNK}")  # noqa: S608 -- our own name
        _fill(cursor, PLAIN, plain)
        _fill(cursor, STAGED, pictured)
        cursor.execute(_COMPARE, [batch.pk, batch.game_id])


def _fill(cursor: Any, names: Sequence[str], rows: str) -> None:
    columns = ", ".join(names)
    if _is_postgresql():
        with cursor.copy(f"copy {_CHUNK} ({columns}) from stdin (format csv)") as copy:
            copy.write(rows)
        return
    marks = ", ".join(["%s"] * len(names))
    cursor.executemany(
        f"insert into {_CHUNK} ({columns}) values ({marks})",  # noqa: S608 -- our own names
        csv.reader(io.StringIO(rows, newline="")),
    )


def count_in_review(batch: ImportBatch) -> int:
    """Return how many changed rows would take an item out of review."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_IN_REVIEW, [batch.game_id, batch.pk])
        return int(cursor.fetchone()[0])


@contextmanager
def to_do(batch: ImportBatch, *, by: User, at: datetime) -> Iterator[int]:
    """Make the new items, and lock and note those that are to be changed; yield how many are new."""
    moment = _moment(at)
    with connection.cursor() as cursor:
        cursor.execute(_NEW_ITEMS, [batch.game_id, moment, batch.pk])
        made = cursor.rowcount
        # Others that somebody made meanwhile have a version, which may differ.
        only_ours, too = ("", Kind.CHANGED) if made == batch.new else (_ONLY_OURS, Kind.NEW)
        cursor.execute(
            _NEW_VERSIONS.format(only_ours=only_ours),
            [moment, by.pk, moment, batch.game_id, batch.pk],
        )
        if _is_postgresql():
            cursor.execute(_LOCK, [batch.game_id, batch.pk, too])
        on_commit = "on commit drop" if _is_postgresql() else ""
        cursor.execute(_TO_DO.format(on_commit=on_commit), [batch.game_id, batch.pk, too])
        yield made
        cursor.execute(f"drop table {_WORK}")


def count_stale() -> int:
    """Return how many items were changed by others since the preview."""
    with connection.cursor() as cursor:
        cursor.execute(_STALE)
        return int(cursor.fetchone()[0])


def counts() -> tuple[int, int]:
    """Return how many items are to be changed, and how many of them are in review."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS)
        changed, in_review = cursor.fetchone()
    return int(changed), int(in_review)


def versions_in_review() -> list[int]:
    """Return the versions that would change while a reviewer looks at them."""
    with connection.cursor() as cursor:
        cursor.execute(f"select work_id from {_WORK} where work_status = 'in_review'")  # noqa: S608 -- our own name
        return [pk for (pk,) in cursor.fetchall()]


def write(*, by: User, at: datetime) -> None:
    """Change the drafts, and make drafts beside what is on sale."""
    moment = _moment(at)
    with connection.cursor() as cursor:
        cursor.execute(_CHANGE, [by.pk, moment])
        cursor.execute(_MAKE, [moment, by.pk, moment])
        cursor.execute(_TOUCH)


def pictures_left(batch: ImportBatch) -> list[str]:
    """Return the files of pictures that nothing shows any more."""
    with connection.cursor() as cursor:
        cursor.execute(_LEFT)
        left = cursor.fetchall()
        cursor.execute(_UNUSED, [batch.game_id, batch.pk])
        return [name for pair in (*left, *cursor.fetchall()) for name in pair if name]


def _is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def _moment(at: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(at)
