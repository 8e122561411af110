"""What people may type about items, their release and the exemption from it."""

from typing import Any, Final

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from items import rules
from items.filters import ItemSearch, Tab
from permissions.forms import WordsField
from sasvpay.kit.money import MoneyError, parse_cents

PAGE_SIZES: Final = (20, 50, 100)
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class PriceField(forms.CharField):
    """An amount in the console's currency; its value is in cents."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.TextInput(
            {"inputmode": "decimal", "autocomplete": "off", "placeholder": "0.00"}
        )
        super().__init__(max_length=20, widget=widget, **kwargs)

    def clean(self, value: Any) -> int | None:
        """Return the cents, or nothing where nothing was typed and need not be."""
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_cents(text)
        except MoneyError as problem:
            raise ValidationError(str(problem), code="price") from problem


class FileInput(forms.FileInput):
    """A file that is chosen or dropped."""

    template_name = "items/_file_input.html"

    def __init__(self, attrs: dict[str, Any], *, words: str | Promise) -> None:
        super().__init__(attrs)
        self.words = words

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Give the template the words of the place to drop it."""
        return super().get_context(name, value, attrs) | {"words": self.words}


class ItemForm(forms.Form):
    """A virtual item: its id for ever, its name, price and picture as they are to become."""

    item_id = forms.CharField(
        label=gettext_lazy("Virtual item ID"),
        max_length=64,
        strip=False,
        widget=forms.TextInput(
            {"class": "input mono", "autocomplete": "off", "spellcheck": "false"}
        ),
        help_text=gettext_lazy("Letters, digits, “_” and “-”. It never changes."),
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=64,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text=gettext_lazy("Players see it when they pay. Up to 64 characters."),
    )
    price = PriceField()
    image = forms.FileField(
        label=gettext_lazy("Image"),
        required=False,
        allow_empty_file=True,
        widget=FileInput(
            {"accept": "image/png,image/jpeg,image/webp"},
            words=gettext_lazy("Choose a picture, or drop it here"),
        ),
        help_text=gettext_lazy(
            "PNG, JPEG or WebP, up to 2 MB and 4,096 pixels a side. It is stored anew, without "
            "what the camera wrote into it."
        ),
    )
    version = forms.IntegerField(widget=forms.HiddenInput(), min_value=0)

    def __init__(self, *args: Any, is_new: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.is_stale = False
        self.fields["price"].label = _("Price (%(currency)s)") % {"currency": settings.CURRENCY}
        self.fields["price"].help_text = _("More than 0, at most two decimals.")
        if is_new:
            del self.fields["version"]
        else:
            del self.fields["item_id"]

    def look_again(self, revision: int) -> None:
        """Show what was typed once more, now that the person sees what somebody else saved."""
        self.data = {name: self.data.get(name) for name in self.data} | {"version": str(revision)}

    def clean_item_id(self) -> str:
        """Refuse what is no id."""
        item_id: str = self.cleaned_data["item_id"]
        _refuse(rules.problems(item_id=item_id))
        return item_id

    def clean_name(self) -> str:
        """Refuse a name that cannot be shown."""
        name = rules.clean_name(self.cleaned_data["name"])
        _refuse(rules.problems(name=name))
        return name

    def clean_price(self) -> int:
        """Refuse what nobody could pay."""
        cents: int = self.cleaned_data["price"]
        _refuse(rules.problems(price_cents=cents))
        return cents


def _refuse(problems: dict[str, str]) -> None:
    if problems:
        raise ValidationError(list(problems.values()))


class ItemSearchForm(forms.Form):
    """What the item list is searched by."""

    q = forms.CharField(
        label=gettext_lazy("Item ID or name"),
        required=False,
        max_length=64,
        widget=forms.TextInput(
            {
                "type": "search",
                "class": "input",
                "autocomplete": "off",
                "spellcheck": "false",
                "placeholder": gettext_lazy("Item ID or name"),
                "aria-keyshortcuts": "/",
            }
        ),
    )
    least = PriceField(label=gettext_lazy("Lowest price"), required=False)
    most = PriceField(label=gettext_lazy("Highest price"), required=False)
    size = forms.TypedChoiceField(
        label=gettext_lazy("Rows per page"),
        required=False,
        coerce=int,
        empty_value=str(PAGE_SIZES[0]),
        widget=forms.Select({"class": "input"}),
    )
    status = forms.ChoiceField(required=False, choices=Tab.choices, widget=forms.HiddenInput())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Here and not above: a sentence with a number in it is not lazy any more.
        self.fields["size"].choices = [  # type: ignore[attr-defined]  # -- a list to choose from
            ("" if size == PAGE_SIZES[0] else size, _("%(size)s per page") % {"size": size})
            for size in PAGE_SIZES
        ]
        for name in ("size", "status"):
            offered = ", ".join(str(label) for _value, label in self.fields[name].choices)  # type: ignore[attr-defined]  # -- as above
            self.fields[name].error_messages["invalid_choice"] = _(
                "Choose one of these: %(offered)s."
            ) % {"offered": offered}
        for name in ("least", "most"):
            field = self.fields[name]
            field.widget.attrs |= {"class": "input price", "placeholder": field.label}

    def clean(self) -> dict[str, Any]:
        """Refuse a range that ends before it begins."""
        cleaned = super().clean() or self.cleaned_data
        least, most = cleaned.get("least"), cleaned.get("most")
        if least is not None and most is not None and least > most:
            self.add_error("most", _("The highest price lies below the lowest."))
        return cleaned

    @property
    def is_searched(self) -> bool:
        """Say whether anything but a tab was asked for."""
        return any(self.data.get(name) for name in ("q", "least", "most"))

    def search(self, *, with_status: bool = True) -> ItemSearch:
        """Return what was asked for."""
        asked = self.cleaned_data
        return ItemSearch(
            text=asked["q"],
            status=asked["status"] if with_status else "",
            least_cents=asked["least"],
            most_cents=asked["most"],
        )


class ReleaseForm(forms.Form):
    """What a team tells the reviewer."""

    message = WordsField(
        label=gettext_lazy("Message to the reviewer"),
        required=False,
        help_text=gettext_lazy("Optional. What these items are, and what has changed."),
    )


class NoteForm(forms.Form):
    """What the reviewer may add to an approval."""

    note = WordsField(
        label=gettext_lazy("Note"),
        required=False,
        help_text=gettext_lazy("Optional. The team sees it in the history."),
    )


class ReasonForm(forms.Form):
    """Why the reviewer rejects."""

    note = WordsField(
        label=gettext_lazy("Reason"),
        help_text=gettext_lazy("The team sees it and can act on it before asking again."),
    )


class ExemptionForm(forms.Form):
    """Why a team should release without approval."""

    message = WordsField(
        label=gettext_lazy("Request message"),
        help_text=gettext_lazy("Why the items of this game need no review. The reviewer reads it."),
    )


class RevokeForm(ReasonForm):
    """Why an exemption ends, and what becomes of the items that were released under it."""

    remove_items = forms.BooleanField(
        label=gettext_lazy("Take the items that were released under it off sale"), required=False
    )


class ImportForm(forms.Form):
    """A workbook of items, and perhaps the pictures that it names."""

    workbook = forms.FileField(
        label=gettext_lazy("Workbook"),
        allow_empty_file=True,
        widget=FileInput(
            {"accept": f".xlsx,{XLSX}"}, words=gettext_lazy("Choose an .xlsx file, or drop it here")
        ),
        help_text=gettext_lazy("Made from the template: up to 50,000 rows and 20 MB."),
        error_messages={"required": gettext_lazy("Choose a workbook.")},
    )
    pictures = forms.FileField(
        label=gettext_lazy("Pictures"),
        required=False,
        allow_empty_file=True,
        widget=FileInput(
            {"accept": ".zip,application/zip"},
            words=gettext_lazy("Choose a .zip file, or drop it here"),
        ),
        help_text=gettext_lazy(
            "Optional: a zip of the files that the column “Image” names. Pictures that are placed "
            "in the cells are taken too."
        ),
    )
