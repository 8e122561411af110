"""What is demanded of every page, however it is looked at."""

from axe_playwright_python.sync_playwright import Axe

WIDE, NARROW = 1280, 390
AXE = Axe()
COLOURS = ["color-contrast", "link-in-text-block"]


def size(page, width):
    page.set_viewport_size({"width": width, "height": 900 if width == WIDE else 800})


def assert_accessible(page, what="", *, rules=None):
    """Axe finds nothing, and nothing hangs out of the page sideways."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    # Half a megabyte: once per page, not once per look.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.axe_script)
    found = page.evaluate("options => axe.run(document, options)", options)["violations"]
    told = [
        f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for one in found
        for node in one["nodes"]
    ]
    assert told == [], f"{page.url} {what}"
    assert_fits(page, what)


def assert_fits(page, what=""):
    """The page scrolls down, never sideways: what is wide scrolls inside its own frame."""
    over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert over <= 0, f"{page.url} {what}: {over} px too wide"


def assert_tables_fit(page):
    """No column is hidden, however long the names in the table are."""
    hidden = page.locator(".tablewrap").evaluate_all(
        "all => all.map(one => [one.ariaLabel, one.scrollWidth - one.clientWidth])"
    )
    assert [(label, over) for label, over in hidden if over > 0] == [], page.url


def assert_good_in_every_look(page):
    """Light and dark, wide and narrow."""
    for width in (WIDE, NARROW):
        size(page, width)
        if width == WIDE:
            assert_tables_fit(page)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            # Dark differs from light in its colours and in nothing else.
            rules = COLOURS if theme == "dark" else None
            assert_accessible(page, f"({theme}, {width} px)", rules=rules)
