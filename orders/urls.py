"""Addresses of the app."""

from django.urls import path

from orders.endpoint import Callback
from orders.views import config, deliveries, exports, helper, orders, resending, search, testing
from permissions import second_factor
from permissions.access import public, signed_in

app_name = "orders"

urlpatterns = [
    path(
        "callback/<path:app_id>", public("the body is signed")(Callback.as_view()), name="callback"
    ),
    path("games/<app_id>/config", config.show, name="config"),
    path("games/<app_id>/config/urls", config.edit, name="config-edit"),
    path("games/<app_id>/config/on", config.switch_on, name="config-on"),
    path("games/<app_id>/config/off", config.switch_off, name="config-off"),
    path("games/<app_id>/config/key", config.rotate_key, name="key-rotate"),
    path("games/<app_id>/config/test", testing.send, name="test-push"),
    path("games/<app_id>/config/protocol", helper.protocol, name="protocol"),
    path("games/<app_id>/config/signature", helper.signature, name="signature"),
    path("games/<app_id>/deliveries", deliveries.delivery_list, name="delivery-list"),
    path("games/<app_id>/deliveries/resend", resending.resend, name="delivery-resend"),
    path(
        "games/<app_id>/deliveries/resends/<int:job_id>", resending.progress, name="resend-progress"
    ),
    path(
        "games/<app_id>/deliveries/<int:order_id>",
        deliveries.delivery_detail,
        name="delivery-detail",
    ),
    path(
        "games/<app_id>/deliveries/<int:order_id>/attempts/<int:number>",
        deliveries.attempt_detail,
        name="attempt-detail",
    ),
    path(
        "games/<app_id>/deliveries/<int:order_id>/settle",
        resending.settle,
        name="delivery-settle",
    ),
    path("games/<app_id>/orders", orders.order_list, name="order-list"),
    path("games/<app_id>/orders/export", exports.order_export, name="order-export"),
    path("games/<app_id>/orders/<int:order_id>", orders.order_detail, name="order-detail"),
    path("games/<app_id>/orders/<int:order_id>/settle", orders.settle, name="order-settle"),
    path(
        "search",
        signed_in("it looks only into the mini games whose orders one may see")(
            second_factor.comes_first(search.find)
        ),
        name="search",
    ),
]
