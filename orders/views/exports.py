"""Export of the order record."""

from django.http import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from orders.export import ORDERS
from permissions.access import ConsoleRequest, requires
from permissions.matrix import Capability
from permissions.models import MiniGame
from sasvpay.kit import export_pages


@requires(Capability.ORDER_EXPORT)
@require_http_methods(["GET", "HEAD", "POST"])
def order_export(request: ConsoleRequest, game: MiniGame) -> HttpResponseBase:
    """Ask how to export the orders that the filters select, and do it."""
    back = f"{reverse('orders:order-list', args=[game.app_id])}?{request.GET.urlencode()}"
    return export_pages.answer(request, ORDERS, game, back=back)
