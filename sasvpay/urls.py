"""The roof: every address of the console."""

from django.urls import include, path
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from permissions import second_factor
from permissions.access import public, signed_in
from sasvpay import exports, views

PROBE = "a probe has no account, and learns nothing but health"
SCRAPER = "a scraper has no account; it shows METRICS_TOKEN, without which there is no such page"
API = "the protocol is no secret, and a partner's engineers read it"

# allauth answers with it when somebody tried too often.
handler429 = "permissions.sign_in.too_many"

urlpatterns = [
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
    path("teams/<int:team_id>/audit", views.team_audit, name="team-audit"),
    path("platform/audit", views.house_audit, name="house-audit"),
    path("review", views.review_queue, name="review-queue"),
    path("exports", signed_in(exports.OWN)(exports.export_list), name="export-list"),
    path("exports/latest", signed_in(exports.OWN)(exports.latest), name="export-latest"),
    path("exports/<int:pk>/file", signed_in(exports.OWN)(exports.download), name="export-file"),
    path("exports/<int:pk>/again", signed_in(exports.OWN)(exports.again), name="export-again"),
    path("", include("permissions.account_urls")),
    path("", include("permissions.urls")),
    path("", include("items.urls")),
    path("", include("orders.urls")),
    path("", include("aftersales.urls")),
]
