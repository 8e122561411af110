"""Form pages: a dialog where there is JavaScript, a page of its own everywhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from sasvpay.kit.answers import go_to
from sasvpay.kit.errors import DomainError

# By a refusal's code: what the forms call the field that it is about.
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "already_granted": ("capability",),
    "already_member": ("email", "administrator"),
    "app_id": ("app_id",),
    "blank_name": ("name",),
    "email_taken": ("email",),
    "house_person": ("email", "administrator"),
    "last_administrator": ("role",),
    "merchant": ("merchant_id",),
    "name_taken": ("name",),
    "no_account": ("email",),
    "same_name": ("name",),
    "same_role": ("role",),
    "team_person": ("email", "role"),
    "unusable_email": ("email", "administrator"),
}


@dataclass(frozen=True)
class Dialog:
    """The words of a form page, and where it leads when it is done or given up."""

    title: str
    submit: str
    back: str
    intro: str = ""
    is_danger: bool = False


def sent(request: HttpRequest) -> QueryDict | None:
    """Return what was posted, for a form to judge, also where nothing was filled in."""
    return request.POST if request.method == "POST" else None


def answer(
    request: HttpRequest,
    form: forms.Form,
    dialog: Dialog,
    *,
    act: Callable[[], object],
    said: str,
) -> HttpResponse:
    """Show the form; when it was sent and is right, act, say so and go back.

    A wrong form, or one that the act refuses, is shown again with its problem: 422.
    """
    if request.method == "POST" and form.is_valid():
        try:
            act()
        except DomainError as refusal:
            named = (name for name in _FIELDS.get(refusal.code, ()) if name in form.fields)
            form.add_error(next(named, None), refusal.message)
        else:
            messages.success(request, said)
            return go_to(request, dialog.back)
    status = 422 if form.is_bound else 200
    context = {
        "form": form,
        "dialog": dialog,
        "back": dialog.back,
        "submit_tone": "danger" if dialog.is_danger else "primary",
    }
    return render(request, "permissions/dialog.html", context, status=status)
