"""The page behind an invitation's link."""

from allauth.account.utils import perform_login
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from permissions import invitations
from permissions.access import public
from permissions.forms import ConfirmForm, NewcomerForm
from permissions.models import Invitation, User
from permissions.views.dialogs import sent
from sasvpay.kit.errors import DomainError


@public("who is invited may have no account yet; the link's token is the proof")
@sensitive_post_parameters("password")
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation to whom it was sent, and let them accept it."""
    try:
        offer = invitations.look_up(token=token, at=timezone.now())
    except DomainError as refusal:
        return _page(request, refusal.status, problem=refusal.message)
    form = _form(request, offer)
    if form is not None and form.is_valid():
        try:
            return _accept(request, token, form)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
    status = 422 if form is not None and form.is_bound else 200
    is_new = isinstance(form, NewcomerForm)
    return _page(request, status, offer=offer, form=form, is_new=is_new)


def _page(request: HttpRequest, status: int, **context: object) -> HttpResponse:
    return render(request, "permissions/invitation.html", context, status=status)


def _form(request: HttpRequest, offer: Invitation) -> forms.Form | None:
    """Return what this visitor must fill in; nothing where they must sign in otherwise first."""
    if isinstance(request.user, User):
        return ConfirmForm(sent(request)) if request.user.email == offer.email else None
    if User.objects.filter(email=offer.email).exists():
        return None
    return NewcomerForm(sent(request), email=offer.email)


def _accept(request: HttpRequest, token: str, form: forms.Form) -> HttpResponse:
    user = request.user if isinstance(request.user, User) else None
    membership = invitations.accept(token=token, user=user, at=timezone.now(), **form.cleaned_data)
    messages.success(request, _("Welcome to %(team)s.") % {"team": membership.team})
    if user is None:
        response: HttpResponse = perform_login(request, membership.user)
        return response
    return redirect("home")
