"""Addresses of the app."""

from django.urls import path

from aftersales import views

app_name = "aftersales"

urlpatterns = [
    path("games/<app_id>/refunds", views.refund_list, name="refund-list"),
    path("games/<app_id>/refunds/export", views.refund_export, name="refund-export"),
    path("games/<app_id>/refunds/<int:refund_id>", views.refund_detail, name="refund-detail"),
]
