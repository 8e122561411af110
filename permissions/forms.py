"""What people type about people and teams."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from permissions.labels import GRANTABLE_CHOICES
from permissions.matrix import Capability, HouseRole, TeamRole
from permissions.models import MiniGame, Team, User


class ConfirmForm(forms.Form):
    """Nothing to type: the button is the answer."""


class SearchForm(forms.Form):
    """What a list is searched by."""

    q = forms.CharField(label=_("Search"), max_length=200, required=False)


class InviteForm(forms.Form):
    """Whom to invite, as what."""

    email = forms.EmailField(label=_("E-mail"), help_text=_("The invitation is sent there."))
    role = forms.ChoiceField(label=_("Role"), choices=TeamRole.choices, initial=TeamRole.DEVELOPER)


class RoleForm(forms.Form):
    """A member's role."""

    role = forms.ChoiceField(label=_("Role"), choices=TeamRole.choices)


class GrantForm(forms.Form):
    """Who may do what on which of the team's mini games."""

    email = forms.EmailField(
        label=_("E-mail"), help_text=_("Of somebody who has an account, in this team or not.")
    )
    game = forms.ModelChoiceField(
        label=_("Mini game"), queryset=MiniGame.objects.none(), empty_label=None
    )
    capability = forms.TypedChoiceField(
        label=_("May do"),
        choices=GRANTABLE_CHOICES,
        coerce=Capability,
        initial=Capability.ITEM_EDIT.value,
        help_text=_("On this mini game only. Seeing the pages it is about comes with it."),
    )

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["game"].queryset = team.games.order_by("name")  # type: ignore[attr-defined]  # -- it is a ModelChoiceField


class TeamForm(forms.Form):
    """A new team and who shall keep it."""

    name = forms.CharField(label=_("Team name"), max_length=64)
    administrator = forms.EmailField(
        label=_("First administrator's e-mail"),
        required=False,
        help_text=_("Gets an invitation. Can be added later."),
    )


class NameForm(forms.Form):
    """A new name."""

    name = forms.CharField(label=_("Name"), max_length=64)


class AdministratorForm(forms.Form):
    """Who shall keep a team that has no administrator."""

    email = forms.EmailField(label=_("E-mail"), help_text=_("Gets an invitation by e-mail."))


class MerchantForm(forms.Form):
    """Who receives a team's money."""

    merchant_id = forms.CharField(label=_("Merchant ID"), max_length=64)
    name = forms.CharField(label=_("Merchant name"), max_length=64)


class GameForm(forms.Form):
    """A new mini game."""

    name = forms.CharField(label=_("Name"), max_length=64)
    app_id = forms.CharField(
        label=_("App ID"),
        required=False,
        validators=MiniGame._meta.get_field("app_id").validators,
        help_text=_("1 to 64 letters, digits, “_” or “-”. Generated if left empty."),
    )


class HousePersonForm(forms.Form):
    """A new person with a house role."""

    email = forms.EmailField(
        label=_("E-mail"), help_text=_("A letter tells how to set a password.")
    )
    name = forms.CharField(label=pgettext_lazy("person", "Name"), max_length=64)
    role = forms.ChoiceField(
        label=_("Role"),
        choices=[choice for choice in HouseRole.choices if choice[0] != HouseRole.SUPER_ADMIN],
    )


class HouseRoleForm(forms.Form):
    """A person's house role."""

    role = forms.ChoiceField(
        label=_("Role"),
        required=False,
        choices=[
            ("", _("None")),
            *(choice for choice in HouseRole.choices if choice[0] != HouseRole.SUPER_ADMIN),
        ],
    )


class NewcomerForm(forms.Form):
    """What a new person chooses when they accept an invitation."""

    name = forms.CharField(
        label=_("Your name"), max_length=64, widget=forms.TextInput({"autocomplete": "name"})
    )
    password = forms.CharField(
        label=_("Password"),
        max_length=128,
        strip=False,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        """Hold the password against name and address too."""
        cleaned = super().clean() or {}
        person = User(email=self.email, name=cleaned.get("name", ""))
        try:
            validate_password(cleaned.get("password", ""), person)
        except ValidationError as problem:
            if "password" in cleaned:
                self.add_error("password", problem)
        return cleaned


class ProfileForm(forms.Form):
    """How a person is called, and how the console looks to them."""

    name = forms.CharField(label=pgettext_lazy("person", "Name"), max_length=64)
    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        choices=[("", _("As the browser")), *settings.LANGUAGES],
    )
    theme = forms.ChoiceField(label=_("Theme"), required=False, choices=User.Theme.choices)
    density = forms.ChoiceField(label=_("Density"), required=False, choices=User.Density.choices)


class PreferencesForm(forms.Form):
    """What the switches in the top bar send; only what is sent is changed."""

    language = forms.ChoiceField(required=False, choices=[("", ""), *settings.LANGUAGES])
    theme = forms.ChoiceField(required=False, choices=User.Theme.choices)
    density = forms.ChoiceField(required=False, choices=User.Density.choices)

    def chosen(self) -> dict[str, str]:
        """Return what was sent."""
        return {name: value for name, value in self.cleaned_data.items() if name in self.data}


class WordsField(forms.CharField):
    """What a person says or is told: 1 to 500 characters, a line break counting as one."""

    widget = forms.Textarea({"rows": 4})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=500, **kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Take maxlength away: a browser cuts a longer text that is pasted, and says nothing."""
        return {
            name: value
            for name, value in super().widget_attrs(widget).items()
            if name != "maxlength"
        }

    def to_python(self, value: Any) -> str:
        """Count as the browser does: it sends each line break as two characters."""
        typed = value.replace("\r\n", "\n") if isinstance(value, str) else value
        return super().to_python(typed) or ""


class PaymentRequestForm(forms.Form):
    """What a team tells the superapp when it asks for payment."""

    message = WordsField(
        label=_("Request message"),
        help_text=_("What the game sells and to whom. The superapp's reviewer reads it."),
    )


class PaymentApproveForm(forms.Form):
    """What the reviewer may add to an approval."""

    note = WordsField(
        label=_("Note"), required=False, help_text=_("Optional. The team sees it in the history.")
    )


class PaymentRefuseForm(forms.Form):
    """Why the reviewer rejects or disables."""

    note = WordsField(
        label=_("Reason"), help_text=_("The team sees it and can act on it before asking again.")
    )
