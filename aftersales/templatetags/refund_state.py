"""How a refund stands."""

from django import template
from django.utils.safestring import SafeString

from aftersales.models import Refund
from aftersales.record import TONES
from sasvpay.kit.templatetags.console import tag

register = template.Library()


@register.simple_tag
def refund_tag(refund: Refund) -> SafeString:
    """Show the status of a refund."""
    return tag(refund.get_status_display(), TONES[refund.status])
