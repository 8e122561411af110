"""People of the house, and everybody's own profile and preferences."""

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from permissions import house, people, second_factor
from permissions.access import ConsoleRequest, public, requires, signed_in
from permissions.forms import HousePersonForm, HouseRoleForm, PreferencesForm, ProfileForm
from permissions.matrix import Capability, HouseRole
from permissions.models import User
from permissions.sign_in import keep_language
from permissions.views.dialogs import Dialog, answer, sent

PAGE_SIZE = 20


@requires(Capability.HOUSE_KEEP)
def house_list(request: ConsoleRequest) -> HttpResponse:
    """Show who holds a house role."""
    rows = User.objects.exclude(house_role="").order_by("house_role", Lower("name"), "pk")
    context = {
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "super_admin": HouseRole.SUPER_ADMIN,
    }
    return render(request, "permissions/house_list.html", context)


@requires(Capability.HOUSE_KEEP)
def house_add(request: ConsoleRequest) -> HttpResponse:
    """Add a person with a house role."""
    form = HousePersonForm(sent(request))
    return answer(
        request,
        form,
        Dialog(_("Add a person"), _("Add"), reverse("permissions:house-list")),
        act=lambda: house.add_person(**form.cleaned_data, by=request.user, at=timezone.now()),
        said=_("The person was added, and a letter sent."),
    )


@requires(Capability.HOUSE_KEEP)
def house_role(request: ConsoleRequest, pk: int) -> HttpResponse:
    """Change a person's house role."""
    person = get_object_or_404(User.objects.exclude(house_role=""), pk=pk)
    form = HouseRoleForm(sent(request), initial={"role": person.house_role})
    title = _("Change the role of %(name)s") % {"name": person}
    return answer(
        request,
        form,
        Dialog(title, _("Change role"), reverse("permissions:house-list"), intro=person.email),
        act=lambda: house.set_house_role(
            user=person, **form.cleaned_data, by=request.user, at=timezone.now()
        ),
        said=_("The role was changed."),
    )


@signed_in("everybody keeps their own name and how the console looks to them")
def profile(request: ConsoleRequest) -> HttpResponse:
    """Show and change one's own name, language, theme and density."""
    names = ("name", "language", "theme", "density")
    form = ProfileForm(sent(request), initial={name: getattr(request.user, name) for name in names})
    if form.is_valid():
        people.set_profile(user=request.user, **form.cleaned_data)
        messages.success(request, _("Your profile was saved."))
        return _with_cookies(redirect("profile"), form.cleaned_data)
    status = 422 if form.is_bound else 200
    return render(request, "permissions/profile.html", {"form": form}, status=status)


@signed_in("who needs a second factor has none yet")
def second_factor_required(request: ConsoleRequest) -> HttpResponse:
    """Say that a page needs a second factor; once there is one, go on to that page."""
    asked = request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(asked, {request.get_host()}):
        request.session["second_factor_next"] = asked
    if second_factor.has_one(request.user):
        return redirect(request.session.pop("second_factor_next", "home"))
    return render(request, "mfa/required.html")


@public("the sign-in page has a theme and a language too; nothing but a cookie is kept for nobody")
@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Keep theme, density or language: for a person in their row, for everybody in a cookie."""
    form = PreferencesForm(request.POST)
    if not form.is_valid():
        return HttpResponse(status=422)
    if isinstance(request.user, User) and form.chosen():
        people.set_preferences(user=request.user, **form.chosen())
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}):
        return _with_cookies(HttpResponse(status=204), form.chosen())
    return _with_cookies(redirect(back), form.chosen())


def _with_cookies(response: HttpResponse, chosen: dict[str, str]) -> HttpResponse:
    """Have the server render the same look where nobody is signed in."""
    if "language" in chosen:
        keep_language(response, chosen["language"])
    for name in ("theme", "density"):
        if name in chosen:
            response.set_cookie(
                name,
                chosen[name],
                max_age=365 * 24 * 60 * 60,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
    return response
