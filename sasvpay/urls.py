"""The roof: every address of the console."""

from django.urls import include, path
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from permissions import second_factor
from permissions.access import View, public, signed_in
from sasvpay import exports, views

PROBE = "a probe has no account, and learns nothing but health"
SCRAPER = "a scraper has no account; it shows METRICS_TOKEN, without which there is no such page"
API = "the protocol is no secret, and a partner's engineers read it"

# allauth answers with it when somebody tried too often.
handler429 = "permissions.sign_in.too_many"
handler500 = "sasvpay.kit.answers.fault"


def _own(view: View) -> View:
    return signed_in(exports.OWN)(second_factor.comes_first(view))


urlpatterns = [
    # First, because its first is the callback.
    path("", include("orders.urls")),
    path(
        "",
        signed_in("everybody has a home; it lists what one may see")(
            second_factor.comes_first(views.home)
        ),
        name="home",
    ),
    path("healthz", public(PROBE)(views.alive), name="alive"),
    path("metrics", public(SCRAPER)(views.metrics_text), name="metrics"),
    path("readyz", public(PROBE)(views.ready), name="ready"),
    path(
        "language", public("the sign-in page has two languages")(set_language), name="set_language"
    ),
    path("api/schema", public(API)(SpectacularAPIView.as_view()), name="schema"),
    path(
        "api/docs",
        public(API)(SpectacularSwaggerSplitView.as_view(url_name="schema")),
        name="api-docs",
    ),
    path("games/<app_id>/dashboard", views.game_dashboard, name="dashboard"),
    path("teams/<int:team_id>/dashboard", views.team_dashboard, name="team-dashboard"),
    path("games/<app_id>/payment", views.payment, name="payment"),
    path("games/<app_id>/audit", views.game_audit, name="game-audit"),
    path("games/<app_id>/audit/export", views.game_audit_export, name="game-audit-export"),
    path("teams/<int:team_id>/audit", views.team_audit, name="team-audit"),
    path("teams/<int:team_id>/audit/export", views.team_audit_export, name="team-audit-export"),
    path("platform/audit", views.house_audit, name="house-audit"),
    path("platform/audit/export", views.house_audit_export, name="house-audit-export"),
    path("review", views.review_queue, name="review-queue"),
    path("exports", _own(exports.export_list), name="export-list"),
    path("exports/latest", _own(exports.latest), name="export-latest"),
    path("exports/<int:pk>/file", _own(exports.download), name="export-file"),
    path("exports/<int:pk>/again", _own(exports.again), name="export-again"),
    path("", include("permissions.account_urls")),
    path("", include("permissions.urls")),
    path("", include("items.urls")),
    path("", include("aftersales.urls")),
]
