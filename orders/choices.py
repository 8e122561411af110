"""The words of orders and their delivery: what a column may say."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Env(models.TextChoices):
    """The environment of an order; test orders are kept apart and never counted as sales."""

    LIVE = "0", _("Live")
    TEST = "1", _("Test")


class OrderSource(models.IntegerChoices):
    """Where an order was made; the third is a test as well."""

    IN_GAME = 1, _("In game")
    MARKETPLACE = 2, _("Marketplace")
    MARKETPLACE_TEST = 3, _("Marketplace test")


class Flag(models.TextChoices):
    """Why a person should look at an order, which is stored and delivered all the same."""

    UNKNOWN_ITEM = "unknown_item", _("Unknown item")
    NOT_ON_SALE = "not_on_sale", _("Not on sale")
    PRICE_DIFFERS = "price_differs", _("Price differs")
    PAYMENT_NOT_ENABLED = "payment_not_enabled", _("Payment not enabled")
    PAID_ABOVE_PRICE = "paid_above_price", _("Paid above the price")
    PAID_NOTHING = "paid_nothing", _("Paid nothing")


class DeliveryStatus(models.TextChoices):
    """How far an order's delivery is."""

    HELD = "held", _("Held")
    WAITING = "waiting", _("Waiting")
    SENDING = "sending", _("Sending")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


class DeliveryState(models.TextChoices):
    """How an order's delivery stands as people read it: *retrying* is waiting after an attempt."""

    HELD = "held", _("Held")
    WAITING = "waiting", _("Waiting")
    RETRYING = "retrying", _("Retrying")
    SENDING = "sending", _("Sending")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")


class RefundState(models.TextChoices):
    """What of an order was refunded, as its refunds tell; failed ones count for nothing."""

    NONE = "none", _("Not refunded")
    PROCESSING = "processing", _("Refund in progress")
    PARTLY = "partly", _("Partly refunded")
    FULLY = "fully", _("Fully refunded")


class Verdict(models.TextChoices):
    """What one attempt came to: success, or the reason why not."""

    DELIVERED = "delivered", _("Delivered")
    TIMEOUT = "timeout", _("No answer in time")
    DNS = "dns", _("Host name not found")
    REFUSED_ADDRESS = "refused_address", _("Address is not public")
    CONNECT = "connect", _("Connection failed")
    TLS = "tls", _("TLS failed")
    PROTOCOL = "protocol", _("Not a proper HTTP answer")
    HTTP_STATUS = "http_status", _("HTTP status is not 200")
    TOO_LARGE = "too_large", _("Answer above 64 KB")
    NOT_JSON = "not_json", _("Answer is not a JSON object")
    RETURN_CODE = "return_code", _("returnCode is not 0")
    NOT_OK = "not_ok", _("data is not OK")
    INTERRUPTED = "interrupted", _("Interrupted")
