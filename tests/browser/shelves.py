"""Full shelves: items in every state, imports at every step, exemptions, an act's result."""

from django.urls import reverse

from items import batches, catalog, exemption, importing, leftovers, outcomes, release
from sasvpay.kit import jobs
from tests.browser.words import CHINESE, LONG
from tests.items.books import book, uploaded
from tests.items.pictures import encoded

REASON = "The picture shows a trademark of somebody else. " * 6


class Shelves:
    """Acts on a scene's items as people would, in short."""

    def __init__(self, scene):
        self.at = scene.at
        self.game = scene.selling
        self.developer = scene.people["developer"]
        self.admin = scene.admin
        self.reviewer = scene.reviewer
        self.waiting = scene.waiting
        self.batches = {}

    def add(self, item_id, name="Starlight Sword", *, price_cents=499, image=None):
        facts = {"item_id": item_id, "name": name, "price_cents": price_cents, "image": image}
        return catalog.add(game=self.game, by=self.developer, at=self.at, **facts).item

    def ask(self, *items):
        """Ask for releases, and return the requests' keys."""
        release.request(
            game=self.game,
            item_ids=[item.pk for item in items],
            message="For the spring festival.\n春节活动",
            by=self.developer,
            at=self.at,
        )
        return [item.versions.latest("pk").release_requests.latest("pk").pk for item in items]

    def put_on_sale(self, *items):
        release.approve(request_ids=self.ask(*items), by=self.reviewer, at=self.at)

    def edit(self, item, **facts):
        item.refresh_from_db()
        catalog.edit(
            item=item, expected_version=item.revision, by=self.developer, at=self.at, **facts
        )

    def upload(self, name, *rows, game=None):
        """Upload a workbook; unless it is to wait, its job runs."""
        batch = importing.upload(
            game=self.game,
            workbook=uploaded(book(*rows), f"{name}.xlsx"),
            pictures=None,
            by=self.developer,
            at=self.at,
        )
        self.batches[name] = batch
        return batch

    def read(self, name, *rows):
        batch = self.upload(name, *rows)
        jobs.run(job_id=batch.job_id)
        batch.refresh_from_db()
        return batch

    def fill(self):
        """Have everything that the pages of items may have to show."""
        self._items()
        self._imports()
        self._exemptions()
        return self

    def _items(self):
        crowd = [self.add(f"gold_{number}", f"{number} Gold") for number in range(1, 24)]
        self.put_on_sale(*crowd)
        self.add(LONG, LONG, price_cents=1_000_000_000)
        red, blue = (uploaded(encoded(colour=colour), "a.png") for colour in ("red", "blue"))
        beside = self.add("beside", "Moon Shield", image=red)
        self.rejected = self.add("rejected", "R" * 64)
        removed = self.add("removed", "Season Pass")
        self.put_on_sale(beside, removed)
        catalog.remove_many(game=self.game, item_ids=[removed.pk], by=self.developer, at=self.at)
        self.edit(beside, name=CHINESE * 2, price_cents=9_900, image=blue)
        release.reject(
            request_ids=self.ask(self.rejected), note=REASON, by=self.reviewer, at=self.at
        )
        self.ask(beside, *(self.add(f"new_{number}") for number in range(2)))

    def _imports(self):
        wrong = [(f"bad {number}", "N" * 70, "1,000", "x.gif") for number in range(3)]
        self.read("Spring prices", ("gold_1", "1 Gold", 9), ("fresh", CHINESE, 1), *wrong)
        self.read(LONG, ("gold_2", "2 Gold", 9), ("beside", "B", 1))
        self.read("refused")
        leftovers.discard(batch=self.read("nothing", ("x", "X", 1)), by=self.developer, at=self.at)
        done = self.read("done", ("imported", "Imported", 1), *wrong)
        importing.apply(batch=done, only_valid=True, by=self.developer, at=self.at)
        done.refresh_from_db()
        jobs.run(job_id=done.job_id)
        self.upload("busy", ("x", "X", 1))

    def _exemptions(self):
        asked = exemption.request(game=self.game, message="Trust us.", by=self.admin, at=self.at)
        exemption.reject(request_id=asked.pk, note=REASON, by=self.reviewer, at=self.at)
        exemption.request(game=self.waiting, message="Please.\n拜托", by=self.admin, at=self.at)

    def result(self):
        """Return the address of an act's result."""
        found = [
            batches.Outcome(1, "gold_1", ok=True, message="Released."),
            batches.Outcome(2, LONG, ok=False, message=REASON),
            batches.Outcome(3, "", ok=False, message="This item does not exist any more."),
        ]
        token = outcomes.keep("Request release", found, back="/", by=self.developer)
        return reverse("items:act-result", args=[self.game.app_id, token])
