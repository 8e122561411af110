"""Fields that searches are made of: lists that say what they offer, exact texts, days."""

from collections.abc import Iterable
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Whatever the language of the page: a native date input speaks ISO only.
ISO_DAY: Final = "%Y-%m-%d"


class Choice(forms.ChoiceField):
    """A filter with a list, which it names to whoever asks for something else."""

    def __init__(self, label: Any, nothing: Any, choices: Iterable[tuple[Any, Any]]) -> None:
        self._offered = [("", nothing), *choices] if nothing else list(choices)
        super().__init__(
            label=label,
            required=False,
            choices=self._offered,
            widget=forms.Select(attrs={"class": "input"}),
        )

    def validate(self, value: Any) -> None:
        """Refuse a value that is not offered."""
        if value and not self.valid_value(value):
            offered = ", ".join(str(label) for _value, label in self._offered)
            raise ValidationError(_("Choose one of these: %(offered)s.") % {"offered": offered})


class Exactly(forms.CharField):
    """A filter that is matched letter by letter."""

    def __init__(self, label: Any, *, longest: int, kind: str = "text") -> None:
        attrs = {
            "type": kind,
            "class": "input",
            "autocomplete": "off",
            "spellcheck": "false",
            "placeholder": label,
        }
        widget = forms.TextInput(attrs)
        super().__init__(label=label, required=False, widget=widget)
        self._longest = longest

    def validate(self, value: str) -> None:
        """Refuse what is longer than anything it could match."""
        super().validate(value)
        if len(value) > self._longest:
            told = {"length": len(value), "longest": self._longest}
            raise ValidationError(
                _("Use at most %(longest)s characters; it has %(length)s.") % told
            )

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Set no maxlength: the browser would cut what is pasted without a word."""
        return {}


class Day(forms.DateField):
    """A day, as a native date input sends it."""

    def __init__(self, label: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            input_formats=[ISO_DAY],
            widget=forms.DateInput(attrs={"type": "date", "class": "input"}, format=ISO_DAY),
            error_messages={"invalid": gettext_lazy("Enter a day that exists, as YYYY-MM-DD.")},
        )
