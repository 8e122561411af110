"""The forms of django-allauth in the words of this console."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from allauth.account import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_EMAIL: Final = _("E-mail")
_NEW: Final = {"password1": _("New password"), "password2": _("New password (again)")}


class _InOurWords:
    """Puts our labels on a form's fields, and the cursor into its first one."""

    labels: ClassVar[Mapping[str, Promise]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        fields = self.fields  # type: ignore[attr-defined]  # -- it stands before a form
        for name, label in self.labels.items():
            fields[name].label = label
        next(iter(fields.values())).widget.attrs["autofocus"] = True


class SignInForm(_InOurWords, forms.LoginForm):  # type: ignore[misc]  # -- allauth has no types
    """Who signs in."""

    labels: ClassVar = {"login": _EMAIL}


class ForgottenPasswordForm(_InOurWords, forms.ResetPasswordForm):  # type: ignore[misc]  # -- as above
    """Who gets a letter to set a new password by."""

    labels: ClassVar = {"email": _EMAIL}


class NewPasswordForm(_InOurWords, forms.ResetPasswordKeyForm):  # type: ignore[misc]  # -- as above
    """The password that is set by the letter."""

    labels: ClassVar = _NEW


class ChangePasswordForm(_InOurWords, forms.ChangePasswordForm):  # type: ignore[misc]  # -- as above
    """The password of somebody who is signed in."""

    labels: ClassVar = {"oldpassword": _("Current password"), **_NEW}
