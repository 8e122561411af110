"""Addresses of the app."""

from django.urls import path

from items.views import acts, decisions, exemptions, imports, item, listing

app_name = "items"

# Any word can be an item's id: addresses about one item are told by their end, and come first.
urlpatterns = [
    path("games/<app_id>/items", listing.item_list, name="item-list"),
    path("games/<app_id>/items/<item_id>/versions", item.item_detail, name="item-detail"),
    path("games/<app_id>/items/<item_id>/edit", item.item_edit, name="item-edit"),
    path("games/<app_id>/items/<item_id>/discard", item.draft_discard, name="draft-discard"),
    path("games/<app_id>/items/<item_id>/image/<name>", item.item_image, name="item-image"),
    path("games/<app_id>/items/add", item.item_add, name="item-add"),
    path("games/<app_id>/items/release", acts.release_request, name="release-request"),
    path("games/<app_id>/items/withdraw", acts.release_withdraw, name="release-withdraw"),
    path("games/<app_id>/items/remove", acts.item_remove, name="item-remove"),
    path("games/<app_id>/items/delete", acts.item_delete, name="item-delete"),
    path("games/<app_id>/items/result/<token>", acts.act_result, name="act-result"),
    path("games/<app_id>/items/template", imports.template, name="import-template"),
    path("games/<app_id>/items/imports", imports.import_list, name="import-list"),
    path(
        "games/<app_id>/items/imports/<int:batch_id>", imports.import_detail, name="import-detail"
    ),
    path(
        "games/<app_id>/items/imports/<int:batch_id>/wrong",
        imports.import_wrong,
        name="import-wrong",
    ),
    path(
        "games/<app_id>/items/imports/<int:batch_id>/apply",
        imports.import_apply,
        name="import-apply",
    ),
    path(
        "games/<app_id>/items/imports/<int:batch_id>/again",
        imports.import_again,
        name="import-again",
    ),
    path(
        "games/<app_id>/items/imports/<int:batch_id>/nothing",
        imports.import_discard,
        name="import-discard",
    ),
    path("games/<app_id>/exemption", exemptions.show, name="exemption"),
    path("games/<app_id>/exemption/request", exemptions.ask, name="exemption-request"),
    path(
        "games/<app_id>/exemption/<int:request_id>/approve",
        exemptions.approve,
        name="exemption-approve",
    ),
    path(
        "games/<app_id>/exemption/<int:request_id>/reject",
        exemptions.reject,
        name="exemption-reject",
    ),
    path(
        "games/<app_id>/exemption/<int:request_id>/revoke",
        exemptions.revoke,
        name="exemption-revoke",
    ),
    path("review/releases/approve", decisions.release_approve, name="release-approve"),
    path("review/releases/reject", decisions.release_reject, name="release-reject"),
    path("review/releases/result/<token>", decisions.release_result, name="release-result"),
]
