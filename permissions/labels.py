"""What capabilities are called on pages."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from permissions.matrix import GRANTABLE, Capability

_LABELS: Final = {
    Capability.PAYMENT_VIEW: _("Enable payment: view"),
    Capability.PAYMENT_REQUEST: _("Enable payment: request permission"),
    Capability.DELIVERY_CONFIG_VIEW: _("Basic configuration: view"),
    Capability.DELIVERY_CONFIG_CHANGE: _("Basic configuration: change, switch, test"),
    Capability.DELIVERY_CONFIG_REQUEST_KEY: _("Basic configuration: request certificate and key"),
    Capability.DELIVERY_VIEW: _("Delivery log: view"),
    Capability.DELIVERY_RESEND: _("Delivery log: resend, settle by hand"),
    Capability.EXEMPTION_VIEW: _("Approval exemption: view"),
    Capability.EXEMPTION_REQUEST: _("Approval exemption: request"),
    Capability.ITEM_VIEW: _("Virtual items: view"),
    Capability.ITEM_DOWNLOAD_TEMPLATE: _("Virtual items: download the import template"),
    Capability.ITEM_EDIT: _("Virtual items: add, edit, discard drafts"),
    Capability.ITEM_REQUEST_RELEASE: _("Virtual items: request and withdraw release"),
    Capability.ITEM_REMOVE: _("Virtual items: take off sale, delete"),
    Capability.ORDER_VIEW: _("Order record: view"),
    Capability.ORDER_EXPORT: _("Order record: export"),
    Capability.REFUND_VIEW: _("After-sales record: view"),
    Capability.REFUND_EXPORT: _("After-sales record: export"),
    Capability.DASHBOARD_VIEW: _("Dashboard: view"),
}
GRANTABLE_CHOICES: Final = [(c.value, _LABELS[c]) for c in GRANTABLE]


def label_of(codename: str) -> str:
    """Return what a stored grant is called."""
    return str(_BY_CODENAME.get(codename, codename))


_BY_CODENAME: Final = {capability.codename: label for capability, label in _LABELS.items()}
