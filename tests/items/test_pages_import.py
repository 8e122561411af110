"""Import pages: upload, wait, look, import or not, and what was imported before."""

from io import BytesIO

import openpyxl  # noqa: TID251 -- what others read, not we
import pytest

from items.models import ImportBatch, Item
from sasvpay.kit import jobs
from tests.items.books import book, uploaded
from tests.items.lives import made
from tests.items.pages import as_, said, text, url

pytestmark = pytest.mark.django_db
GOOD = ("sword", "Sword", 4.99, "")
WRONG = ("bad id", "", "1e3", "")


@pytest.fixture
def client(developer):
    return as_(developer)


def upload(client, game, *rows, **more):
    response = client.post(url("import-list", game), {"workbook": uploaded(book(*rows)), **more})
    assert response.status_code == 302
    return ImportBatch.objects.latest("pk")


def worked(batch):
    jobs.run(job_id=batch.job_id)
    batch.refresh_from_db()
    return batch


def page_of(client, game, batch, **asked):
    return text(client.get(url("import-detail", game, batch.pk), asked))


def test_the_template_is_a_workbook(client, game):
    response = client.get(url("import-template", game))

    assert "items_template.xlsx" in response.headers["Content-Disposition"]
    assert openpyxl.load_workbook(BytesIO(response.content)).worksheets[0]["A1"].value == "Item ID"


def test_an_upload_waits_and_its_page_asks_again_by_itself(client, game):
    batch = upload(client, game, GOOD)

    page = page_of(client, game, batch)

    assert "being read" in page
    assert 'hx-trigger="every 1s"' in page
    assert not Item.objects.exists()


def test_the_announcement_comes_after_the_commit(client, game, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        upload(client, game, GOOD)

    assert len(callbacks) == 1


def test_the_preview_tells_each_wrong_cell(client, game):
    batch = worked(upload(client, game, GOOD, WRONG))

    page = page_of(client, game, batch)

    assert "hx-trigger" not in page.partition('id="results"')[2].partition("<nav")[0]
    assert "Import the one valid row" in page
    assert "bad id" in page
    assert "power of ten" in page
    assert "Sword" in page_of(client, game, batch, kind="new")
    assert "No such rows" in page_of(client, game, batch, kind="unchanged")
    assert not Item.objects.exists()


def test_a_changed_row_shows_before_and_after(client, game):
    made(game, "released", item__item_id="sword", name="Old sword", price_cents=100)
    batch = worked(upload(client, game, GOOD))

    page = page_of(client, game, batch)

    for told in ("<del>Old sword</del>", "<ins>Sword</ins>", "<del>$1.00</del>"):
        assert told in page


def test_what_is_right_is_imported_and_the_list_tells_by_whom(client, game, developer):
    batch = worked(upload(client, game, GOOD, WRONG))

    response = client.post(url("import-apply", game, batch.pk))
    batch.refresh_from_db()
    assert response.url == url("import-detail", game, batch.pk)
    assert "being imported" in page_of(client, game, batch)
    worked(batch)

    assert list(Item.objects.values_list("item_id", flat=True)) == ["sword"]
    page = text(client.get(url("import-list", game)))
    for told in ("items.xlsx", "Imported", developer.name):
        assert told in page
    assert "Download the wrong rows" in page_of(client, game, batch)


def test_the_wrong_rows_come_back_with_their_reasons(client, game):
    batch = worked(upload(client, game, GOOD, WRONG))

    response = client.get(url("import-wrong", game, batch.pk))

    cells = [
        [cell.value for cell in row]
        for row in openpyxl.load_workbook(BytesIO(response.content)).worksheets[0].iter_rows()
    ]
    assert len(cells) == 2
    assert cells[1][0] == "bad id"
    assert "power of ten" in cells[1][-1]


def test_nothing_is_imported_if_that_is_chosen(client, game):
    batch = worked(upload(client, game, GOOD))

    response = client.post(url("import-discard", game, batch.pk))

    assert said(response) == ["Nothing was imported."]
    assert "Nothing of it was imported" in page_of(client, game, batch)
    assert not Item.objects.exists()


def test_a_preview_that_is_out_of_date_is_told_and_made_anew(client, game):
    item = made(game, "draft", item__item_id="sword")
    batch = worked(upload(client, game, GOOD))
    Item.objects.filter(pk=item.pk).update(revision=9)
    client.post(url("import-apply", game, batch.pk))
    batch.refresh_from_db()
    worked(batch)
    page = page_of(client, game, batch)
    assert "Look again" in page
    assert url("import-apply", game, batch.pk) not in page

    client.post(url("import-again", game, batch.pk))

    batch.refresh_from_db()
    assert url("import-apply", game, batch.pk) in page_of(client, game, worked(batch))


def test_the_same_file_twice_changes_nothing_and_says_so(client, game):
    first = worked(upload(client, game, GOOD))
    client.post(url("import-apply", game, first.pk))
    first.refresh_from_db()
    worked(first)

    second = worked(upload(client, game, GOOD))

    assert "No row would change anything." in page_of(client, game, second)


@pytest.mark.parametrize(
    "file",
    [
        uploaded(b"", "items.xlsx"), uploaded(b"no workbook", "items.xlsx"),
        uploaded(b"x", "items.xls"), uploaded(b"x", "items.xlsm"),
    ],
)  # fmt: skip
def test_what_is_no_workbook_is_told_at_once(client, game, file):
    file.seek(0)

    response = client.post(url("import-list", game), {"workbook": file})

    assert response.status_code == 422
    assert response.context["form"].errors
    assert not ImportBatch.objects.exists()


def test_without_a_workbook_nothing_is_uploaded(client, game):
    assert "Choose a workbook." in text(client.post(url("import-list", game), {}), 422)


def test_a_refused_workbook_tells_why(client, game):
    batch = worked(upload(client, game))

    assert "no row below" in page_of(client, game, batch)


def test_another_games_import_is_not_found(client, game, outsider):
    batch = upload(client, game, GOOD)
    theirs = outsider.memberships.get().team.games.create(
        app_id="mg_theirs", name="Theirs", created_at=batch.uploaded_at
    )

    assert as_(outsider).get(url("import-detail", theirs, batch.pk)).status_code == 404
    assert as_(outsider).get(url("import-detail", game, batch.pk)).status_code == 404
