"""Import: looked at first; then all that is right, or nothing; the same file twice changes nothing."""

import io
from datetime import timedelta
from urllib.parse import urlencode

import openpyxl  # noqa: TID251 -- reads what we wrote
import pytest
from django.core.files.storage import default_storage
from django.http import QueryDict
from django.utils import translation
from openpyxl.drawing.image import Image  # noqa: TID251 -- what people place

from items import catalog, images, import_reading, importing, leftovers, release, workbook
from items.importing import NothingToImportError, WrongRowsError
from items.models import ImportBatch, ImportRow, Item, ItemVersion, ReleaseRequest
from items.selection import selection_of
from sasvpay.kit import confined, jobs
from sasvpay.kit.audit import Event
from sasvpay.kit.models import AuditEvent, Job
from sasvpay.kit.sheet_parts import SheetError
from sasvpay.kit.state import InvalidTransitionError
from tests.factories import AT, ItemFactory, ItemVersionFactory, ReleaseRequestFactory
from tests.items.books import book, uploaded, zipped
from tests.items.pictures import encoded as picture
from tests.threads import together

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(hours=1)


def look(game, by, content, pictures=None):
    """Upload a workbook and run its job, as the page and the worker do."""
    zip_file = uploaded(pictures, "pictures.zip") if pictures else None
    batch = importing.upload(game=game, workbook=uploaded(content), pictures=zip_file, by=by, at=AT)
    jobs.run(job_id=batch.job_id)
    batch.refresh_from_db()
    return batch


def take(batch, by, *, only_valid=False):
    """Have a preview imported, and run its job."""
    batch = importing.apply(batch=batch, only_valid=only_valid, by=by, at=LATER)
    jobs.run(job_id=batch.job_id)
    batch.refresh_from_db()
    return batch


def counts(batch):
    return batch.new, batch.changed, batch.unchanged, batch.wrong


def contents():
    versions = ItemVersion.objects.select_related("item").order_by("item__item_id", "number")
    return [(v.item.item_id, v.number, v.name, v.price_cents, v.status) for v in versions]


def test_preview_saves_nothing_and_tells_what_each_row_would_change(game, developer):
    ItemVersionFactory(item__game=game, item__item_id="same", name="Same", price_cents=100)
    ItemVersionFactory(item__game=game, item__item_id="other", name="Other", price_cents=100)
    before = contents()

    batch = look(
        game,
        developer,
        book(("same", "Same", 1), ("other", "Other", 2), ("fresh", "Fresh", 3), ("bad id", "", 0)),
    )

    assert batch.status == ImportBatch.Status.READY
    assert counts(batch) == (1, 1, 1, 1)
    assert contents() == before
    rows = {row.row: (row.kind, row.item_id) for row in batch.rows.all()}
    assert rows == {
        2: ("unchanged", "same"),
        3: ("changed", "other"),
        4: ("new", "fresh"),
        5: ("wrong", ""),
    }
    assert batch.job.done == batch.job.total == 4


def test_import_makes_drafts_and_leaves_what_is_on_sale(game, developer):
    live = ItemVersionFactory(item__game=game, item__item_id="other", name="Other", price_cents=100)
    ItemVersionFactory(item__game=game, item__item_id="work", name="W", status="rejected")

    batch = look(game, developer, book(("other", "Other", 2), ("work", "W2", 3), ("fresh", "F", 4)))
    batch = take(batch, developer)

    assert batch.status == ImportBatch.Status.APPLIED
    assert counts(batch) == (1, 2, 0, 0)
    assert contents() == [
        ("fresh", 1, "F", 400, "draft"),
        ("other", 1, "Other", 100, "released"),
        ("other", 2, "Other", 200, "draft"),
        ("work", 1, "W2", 300, "draft"),
    ]
    assert {i.item_id: i.revision for i in Item.objects.all()} == {
        "fresh": 1,
        "other": 2,
        "work": 2,
    }
    draft = ItemVersion.objects.get(item=live.item, number=2)
    assert (draft.changed_by, draft.changed_at, draft.created_at) == (developer, LATER, LATER)
    assert not batch.rows.exists()
    event = AuditEvent.objects.get(event=Event.ITEMS_IMPORTED)
    assert event.facts == {"new": 1, "changed": 2, "unchanged": 0, "wrong": 0}
    assert (event.actor, event.object_id, event.at) == (developer.email, str(batch.pk), LATER)


def test_names_are_kept_letter_by_letter_whatever_they_look_like(game, developer):
    names = [
        '"',
        '""',
        ",",
        "\\.",
        "\\N",
        "\\\\",
        "NULL",
        "'a', 'b'",
        'a"b"',
        "null\\",
        "金币，100",
    ]
    numbered = {f"item-{number:02}": name for number, name in enumerate(names)}

    batch = take(
        look(game, developer, book(*((pk, name, 1) for pk, name in numbered.items()))), developer
    )

    assert counts(batch) == (len(names), 0, 0, 0)
    assert {item_id: name for item_id, _number, name, *_rest in contents()} == numbered


def test_the_same_file_twice_changes_nothing(game, developer):
    content = book(("a", "A", 1), ("b", "B", 2.5, "b.png"))
    pictures = zipped({"b.png": picture()})
    take(look(game, developer, content, pictures), developer)
    before = contents()

    batch = look(game, developer, content, pictures)

    assert counts(batch) == (0, 0, 2, 0)
    with pytest.raises(NothingToImportError):
        importing.apply(batch=batch, only_valid=True, by=developer, at=LATER)
    assert contents() == before
    assert AuditEvent.objects.filter(event=Event.ITEMS_IMPORTED).count() == 1


def test_what_an_import_at_work_writes_is_not_among_all_that_matched_before(game, developer):
    seen, _changed = (
        ItemVersionFactory(item__game=game, item__item_id=item_id, status="draft").item
        for item_id in ("seen", "changed")
    )
    batch = look(game, developer, book(("changed", "Other", 1), ("new", "New", 1)))
    batch = importing.apply(batch=batch, only_valid=False, by=developer, at=LATER)
    # What is shown while it is at work is newer than the moment that what it writes will bear.
    ItemVersionFactory(item__game=game, status="draft", changed_at=LATER + timedelta(hours=1))
    shown = selection_of(game, QueryDict("all=1"))

    jobs.run(job_id=batch.job_id)

    sent = selection_of(game, QueryDict(urlencode(shown.fields)))
    assert list(sent.items) == [seen]
    assert sent.later == 3


def test_wrong_rows_are_left_out_or_stop_all(game, developer):
    rows = [("good_1", "A", 1), *[(f"bad {n}", "B", 1) for n in range(23)], ("good_2", "C", 1)]
    batch = look(game, developer, book(*rows))
    assert counts(batch) == (2, 0, 0, 23)

    with pytest.raises(WrongRowsError):
        importing.apply(batch=batch, only_valid=False, by=developer, at=LATER)
    assert contents() == []

    take(batch, developer, only_valid=True)
    assert [row[0] for row in contents()] == ["good_1", "good_2"]


def test_a_row_of_an_item_in_review_withdraws_it(game, developer, reviewer):
    request = ReleaseRequestFactory(version__item__game=game, version__item__item_id="a")
    batch = look(game, developer, book(("a", "Changed", 1)))
    assert batch.in_review == 1

    take(batch, developer)

    request.refresh_from_db()
    assert request.status == ReleaseRequest.Status.WITHDRAWN
    assert request.withdrawn_by == developer
    assert contents() == [("a", 1, "Changed", 100, "draft")]
    event = AuditEvent.objects.get(event=Event.RELEASE_WITHDRAWN)
    assert event.facts["because"] == "imported"
    assert not release.approve(request_ids=[request.pk], by=reviewer, at=LATER)[0].ok


def test_an_item_changed_since_the_preview_stops_all(game, developer):
    version = ItemVersionFactory(item__game=game, item__item_id="a", status="draft")
    batch = look(game, developer, book(("a", "Mine", 1), ("b", "New", 1)))
    catalog.edit(
        item=version.item, name="Theirs", price_cents=5, image=None, expected_version=1,
        by=developer, at=AT,
    )  # fmt: skip

    batch = take(batch, developer)

    assert batch.status == ImportBatch.Status.READY
    assert "Look again" in batch.error
    assert batch.job.status == Job.Status.FAILED
    assert contents() == [("a", 1, "Theirs", 5, "draft")]

    batch = importing.look_again(batch=batch, by=developer, at=LATER)
    jobs.run(job_id=batch.job_id)
    batch.refresh_from_db()
    take(batch, developer)
    assert [row[2] for row in contents()] == ["Mine", "New"]


def test_the_id_of_a_deleted_item_is_refused(game, developer):
    ItemFactory(game=game, item_id="gone", deleted_at=AT)

    batch = look(game, developer, book(("gone", "A", 1), ("fresh", "B", 1)))

    assert counts(batch) == (1, 0, 0, 1)
    [problem] = importing.preview(batch).problems(batch.rows.get(row=2))
    assert (problem.column, problem.heading, problem.value) == ("A", "Item ID", "gone")
    assert "never used again" in problem.reason


def test_an_item_that_appears_before_the_import_with_other_content_stops_all(game, developer):
    batch = look(game, developer, book(("a", "A", 1)))
    catalog.add(
        game=game, item_id="a", name="Theirs", price_cents=5, image=None, by=developer, at=AT
    )

    batch = take(batch, developer)

    assert batch.status == ImportBatch.Status.READY
    assert contents() == [("a", 1, "Theirs", 5, "draft")]


def test_pictures_come_from_the_zip_whatever_its_folders(game, developer):
    content = book(("a", "A", 1, "Sword.PNG"), ("b", "B", 1, "missing.png"), ("c", "C", 1, "t.png"))
    pictures = zipped(
        {"x/sword.png": picture(), "t.png": b"no picture", "../../up.png": picture(), "x/": b""}
    )

    batch = look(game, developer, content, pictures)

    assert counts(batch) == (1, 0, 0, 2)
    preview = importing.preview(batch)
    reasons = [preview.problems(row)[0].reason for row in preview.rows("wrong")]
    assert reasons[0] == "The zip holds no file “missing.png”."
    assert "not a PNG, JPEG or WebP" in reasons[1]
    assert preview.unused_pictures == ["up.png"]
    take(batch, developer, only_valid=True)
    version = ItemVersion.objects.get()
    assert version.image.size > 0
    assert version.thumbnail.size > 0
    assert version.image_digest == images.digest_of(picture())


def test_a_row_that_names_a_picture_needs_the_zip(game, developer):
    batch = look(game, developer, book(("a", "A", 1, "sword.png")))

    [row] = batch.rows.all()
    assert importing.preview(batch).problems(row)[0].reason == (
        "The row names the file “sword.png”: upload a zip with it too."
    )


def test_a_new_picture_replaces_the_draft_s_and_the_old_file_goes(
    game, developer, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        first = zipped({"a.png": picture(colour="red")})
        take(look(game, developer, book(("a", "A", 1, "a.png")), first), developer)
        old = str(ItemVersion.objects.get().image)
        second = zipped({"a.png": picture(colour="blue")})
        take(look(game, developer, book(("a", "A", 1, "a.png")), second), developer)

    new = ItemVersion.objects.get()
    storage = new.image.storage
    assert new.image_digest == images.digest_of(picture(colour="blue"))
    assert storage.exists(str(new.image))
    assert not storage.exists(old)


def test_the_workbook_of_wrong_rows_can_be_corrected_and_uploaded_as_it_is(game, developer):
    batch = look(
        game, developer, book((123, "=A", 1), ("ok", "B", 1), ("b c", "C", "1,000", "x.gif"))
    )
    assert counts(batch) == (1, 0, 0, 2)

    content = importing.wrong_rows_workbook(batch)

    again = look(game, developer, content)
    assert counts(again) == (0, 0, 0, 2)
    assert importing.preview(again).unknown_headings == []
    corrected_book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = corrected_book.worksheets[0]
    assert [cell.value for cell in sheet[1]][:4] == ["Item ID", "Name", "Price (USD)", "Image"]
    assert sheet["A2"].value == 123
    assert "turned this ID into the number 123" in sheet["E2"].value
    assert sheet["C3"].value == "1,000"
    assert sheet["E3"].value.count("\n") == 2
    sheet["A2"], sheet["A3"], sheet["C3"], sheet["D3"] = "00123", "b_c", 1000, None
    sheet["B2"] = "A"
    corrected = io.BytesIO()
    corrected_book.save(corrected)
    assert counts(look(game, developer, corrected.getvalue())) == (2, 0, 0, 0)


def test_upload_refuses_at_first_sight(game, developer):
    for name, content in (
        ("items.csv", b"a,b"),
        ("items.xlsx", b"text"),
        ("items.xlsm", book()),
        ("items.xlsx", b"PK" + bytes(21 * 1024 * 1024)),
    ):
        with pytest.raises(SheetError):
            importing.upload(
                game=game, workbook=uploaded(content, name), pictures=None, by=developer, at=AT
            )
    with pytest.raises(SheetError, match="no zip"):
        importing.upload(
            game=game,
            workbook=uploaded(book()),
            pictures=uploaded(b"text", "p.zip"),
            by=developer,
            at=AT,
        )

    assert not ImportBatch.objects.exists()
    assert not Job.objects.exists()


def test_a_refused_workbook_says_why_and_keeps_nothing(game, developer):
    batch = look(game, developer, book(headings=("Item ID", "Name", "Price (EUR)", "Image")))

    assert batch.status == ImportBatch.Status.FAILED
    assert "“Price (USD)” is missing" in batch.error
    assert "“Price (EUR)”" in batch.error
    assert batch.job.error == batch.error
    assert not ImportRow.objects.exists()


def test_a_sheet_without_rows_is_refused(game, developer):
    assert "no row below" in look(game, developer, book()).error


def test_reasons_are_in_the_language_of_who_uploaded(game, developer):
    with translation.override("zh-hans"):
        batch = importing.upload(
            game=game,
            workbook=uploaded(book(("a b", "A", 1))),
            pictures=None,
            by=developer,
            at=AT,
        )
    jobs.run(job_id=batch.job_id)

    with translation.override("zh-hans"):
        spoken = [str(column.heading) for column in workbook.COLUMNS]
    [problem] = importing.preview(batch).problems(batch.rows.get())
    assert (batch.language, problem.heading) == ("zh-hans", spoken[0])


def place(it):
    """Place a picture in the image cell of the first row."""
    it.active.add_image(Image(io.BytesIO(picture())), "D2")


def test_a_picture_in_the_sheet_becomes_the_item_s(game, developer):
    content = book(("a", "A", 1), ("b", "B", 1), change=place)

    take(look(game, developer, content), developer)

    pictured, plain = ItemVersion.objects.order_by("item__item_id")
    assert pictured.image_digest == images.digest_of(picture())
    assert not plain.image
    assert counts(look(game, developer, content)) == (0, 0, 2, 0)


def test_the_workbook_of_wrong_rows_brings_their_pictures_back(game, developer):
    batch = look(game, developer, book(("a", "A", 0), change=place))
    changed = openpyxl.load_workbook(io.BytesIO(importing.wrong_rows_workbook(batch)))
    changed.worksheets[0]["C2"] = 1
    corrected = io.BytesIO()
    changed.save(corrected)

    take(look(game, developer, corrected.getvalue()), developer)

    assert ItemVersion.objects.get().image_digest == images.digest_of(picture())


def test_discard_keeps_neither_rows_nor_files(game, developer, django_capture_on_commit_callbacks):
    batch = look(game, developer, book(("a", "A", 1, "a.png")), zipped({"a.png": picture()}))
    files = files_of(batch)

    with django_capture_on_commit_callbacks(execute=True):
        leftovers.discard(batch=batch, by=developer, at=LATER)

    batch.refresh_from_db()
    assert (batch.status, batch.error) == (ImportBatch.Status.DISCARDED, "")
    assert not batch.rows.exists()
    assert existing(files) == []
    with pytest.raises(InvalidTransitionError):
        importing.apply(batch=batch, only_valid=True, by=developer, at=LATER)


def files_of(batch):
    """Return the names of all files that are kept for a preview."""
    pictures = [name for row in batch.rows.all() for name in (row.image, row.thumbnail) if name]
    return [batch.workbook.name, *filter(None, [batch.pictures.name]), *pictures]


def existing(names):
    return [name for name in names if default_storage.exists(name)]


def test_what_nobody_imports_in_a_week_is_thrown_away(
    game, developer, django_capture_on_commit_callbacks
):
    content, pictures = book(("a", "A", 1, "a.png")), zipped({"a.png": picture()})
    forgotten = look(game, developer, content, pictures)
    refused = look(game, developer, book())
    imported = take(look(game, developer, book(("b", "B", 1))), developer)
    gone, kept = [*files_of(forgotten), *files_of(refused)], files_of(imported)
    Job.objects.update(created_at=AT)
    looked_at_again = look(game, developer, content, pictures)
    Job.objects.filter(pk=looked_at_again.job_id).update(created_at=AT + timedelta(seconds=1))
    kept += files_of(looked_at_again)
    before = AuditEvent.objects.count()

    with django_capture_on_commit_callbacks(execute=True):
        assert leftovers.discard_abandoned(at=AT + leftovers.KEPT) == 0
    assert existing([*gone, *kept]) == [*gone, *kept]
    for expected in (2, 0):
        with django_capture_on_commit_callbacks(execute=True):
            at = AT + leftovers.KEPT + timedelta(seconds=1)
            assert leftovers.discard_abandoned(at=at) == expected

    assert existing([*gone, *kept]) == kept
    forgotten.refresh_from_db()
    refused.refresh_from_db()
    looked_at_again.refresh_from_db()
    assert (forgotten.status, forgotten.error) == (
        ImportBatch.Status.DISCARDED,
        "Nobody imported it within 7 days.",
    )
    assert (refused.status, "no row below" in refused.error) == (ImportBatch.Status.FAILED, True)
    assert looked_at_again.status == ImportBatch.Status.READY
    assert not ImportRow.objects.exclude(batch=looked_at_again).exists()
    assert AuditEvent.objects.count() == before


def test_a_workbook_comes_in_parts_of_so_many_rows_or_pictures(monkeypatch):
    monkeypatch.setattr(import_reading, "STEP", 3)
    monkeypatch.setattr(import_reading, "STEP_PICTURES", 2)
    content = book(
        ("a", "A", 1), ("b", "B", 1, "b.png"), ("c", "C", 1, "c.png"), ("d", "D", -1),
        ("e", "E", 1), ("f", "F", 1), ("g", "G", 1),
    )  # fmt: skip

    outline, *parts = import_reading.parts(io.BytesIO(content), gone={"f"})

    assert (outline.headings_row, outline.last_row, outline.plain, outline.others) == (1, 8, "", [])
    assert [part.plain for part in parts] == [
        '2,"a","A",100\n',
        '6,"e","E",100\n',
        '8,"g","G",100\n',
    ]
    assert [[row.item_id for row in part.others] for part in parts] == [["b", "c"], ["d", "f"], []]
    assert [part.reached for part in parts] == [4, 7, 8]


def test_a_job_that_runs_again_reads_again(game, developer):
    batch = look(game, developer, book(("a", "A", 1, "a.png")), zipped({"a.png": picture()}))
    stored = batch.rows.get().image
    ImportBatch.objects.update(status="reading")
    Job.objects.update(status="queued")

    jobs.run(job_id=batch.job_id)

    batch.refresh_from_db()
    assert (batch.run, counts(batch)) == (2, (1, 0, 0, 0))
    assert not batch.workbook.storage.exists(stored)


def test_a_run_that_was_taken_for_dead_writes_nothing_more(game, developer, monkeypatch):
    monkeypatch.setattr(import_reading, "STEP", 1)
    results = confined.results

    def overtaken(work):
        for number, part in enumerate(results(work)):
            # What comes first holds no row.
            if number == 2:
                ImportBatch.objects.update(run=7)
            yield part

    monkeypatch.setattr(confined, "results", overtaken)
    batch = look(game, developer, book(("a", "A", 1), ("b", "B", 1)))

    assert batch.status == ImportBatch.Status.READING
    assert batch.rows.count() == 1


def test_an_import_runs_once_however_often_its_job_does(game, developer):
    batch = take(look(game, developer, book(("a", "A", 1))), developer)
    Job.objects.filter(pk=batch.job_id).update(status="queued")

    jobs.run(job_id=batch.job_id)

    assert contents() == [("a", 1, "A", 100, "draft")]
    assert AuditEvent.objects.filter(event=Event.ITEMS_IMPORTED).count() == 1


def test_a_breakdown_is_said_and_can_be_tried_again(game, developer, monkeypatch):
    batch = look(game, developer, book(("a", "A", 1)))
    with monkeypatch.context() as patch:
        patch.setattr("items.import_sql.write", lambda **_: 1 / 0)
        batch = take(batch, developer)
    assert batch.status == ImportBatch.Status.READY
    assert batch.error == "Something went wrong. Please try again."
    assert contents() == []

    take(batch, developer)

    assert contents() == [("a", 1, "A", 100, "draft")]


def test_another_game_s_items_are_untouched(game, developer):
    other = ItemVersionFactory(item__item_id="a", name="Theirs", price_cents=7)

    take(look(game, developer, book(("a", "Mine", 1))), developer)

    other.refresh_from_db()
    assert (other.name, other.price_cents) == ("Theirs", 7)
    assert Item.objects.filter(item_id="a").count() == 2


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_five_imports_of_one_file_at_once_import_it_once(game, developer):
    content = book(*[(f"item_{n}", f"Item {n}", 1 + n) for n in range(200)])
    batches = [look(game, developer, content) for _ in range(5)]
    waiting = [
        importing.apply(batch=batch, only_valid=False, by=developer, at=LATER) for batch in batches
    ]

    together(*[lambda batch=batch: jobs.run(job_id=batch.job_id) for batch in waiting])

    assert Item.objects.count() == ItemVersion.objects.count() == 200
    done = ImportBatch.objects.values_list("status", "new", "unchanged")
    assert sorted(done) == [("applied", 0, 200)] * 4 + [("applied", 200, 0)]
