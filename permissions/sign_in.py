"""Sign-in: what we ask of django-allauth beyond its defaults.

People come by invitation only, every sign-in and change of secrets is remembered, letters go
through our outbox, second factors are encrypted at rest.
"""

from functools import wraps
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote, urlencode, urlsplit

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect

from permissions.models import User
from sasvpay.kit import audit, crypto, mail
from sasvpay.kit.audit import Event

if TYPE_CHECKING:
    from permissions.access import View

# The window of ACCOUNT_RATE_LIMITS["login_failed"] per account.
RETRY_AFTER_SECONDS: Final = 900

_FACTOR_EVENTS: Final = {
    "mfa/email/totp_activated": (Event.SECOND_FACTOR_ADDED, "totp"),
    "mfa/email/webauthn_added": (Event.SECOND_FACTOR_ADDED, "passkey"),
    "mfa/email/recovery_codes_generated": (Event.SECOND_FACTOR_ADDED, "recovery_codes"),
    "mfa/email/totp_deactivated": (Event.SECOND_FACTOR_REMOVED, "totp"),
    "mfa/email/webauthn_removed": (Event.SECOND_FACTOR_REMOVED, "passkey"),
}
_NEWS: Final = {
    "account/email/password_changed": _("Your password was changed."),
    "account/email/password_reset": _("Your password was reset."),
    "account/email/password_set": _("A password was set for your account."),
    "mfa/email/totp_activated": _("An authenticator app was added to your account."),
    "mfa/email/totp_deactivated": _("The authenticator app was removed from your account."),
    "mfa/email/recovery_codes_generated": _("New recovery codes were made for your account."),
    "mfa/email/webauthn_added": _("A passkey was added to your account."),
    "mfa/email/webauthn_removed": _("A passkey was removed from your account."),
}


class ConsoleAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # -- allauth ships no types
    """People come by invitation; every sign-in is remembered."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up by themselves."""
        return False

    @transaction.atomic
    def login(self, request: HttpRequest, user: User) -> None:
        """Sign a person in, and remember by what means."""
        super().login(request, user)
        means = [str(record["method"]) for record in get_authentication_records(request, user)]
        audit.record(Event.SIGNED_IN, by=user, target=user, at=timezone.now(), means=means)

    def post_login(self, request: HttpRequest, user: User, **facts: Any) -> HttpResponse:
        """Give a new browser the person's language."""
        response: HttpResponse = super().post_login(request, user, **facts)
        if user.language:
            keep_language(response, user.language)
        return response

    @transaction.atomic
    def logout(self, request: HttpRequest) -> None:
        """Sign a person out, and remember it."""
        user = request.user
        super().logout(request)
        if isinstance(user, User):
            audit.record(Event.SIGNED_OUT, by=user, target=user, at=timezone.now())

    @transaction.atomic
    def set_password(self, user: User, password: str) -> None:
        """Change, reset or set a password, and remember that it was done, and by which page."""
        super().set_password(user, password)
        page = self.request.resolver_match.url_name if self.request.resolver_match else ""
        audit.record(
            Event.PASSWORD_CHANGED, by=user, target=user, at=timezone.now(), page=page or ""
        )

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Remember a second factor that came or went, and tell the person.

        allauth calls this at the end of each such act, and offers no hook inside it.
        """
        if template_prefix in _FACTOR_EVENTS:
            event, factor = _FACTOR_EVENTS[template_prefix]
            with transaction.atomic():
                audit.record(event, by=user, target=user, at=timezone.now(), factor=factor)
        super().send_notification_mail(template_prefix, user, context, email)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Put a letter into our outbox: nobody waits for a mail server, or can measure it."""
        at = timezone.now()
        person = context.get("user")
        mail.send(
            to=email,
            template=f"permissions/{_letter(template_prefix)}",
            context={
                "email": email,
                "link": context.get("password_reset_url", ""),
                "news": _NEWS.get(template_prefix, ""),
                "ip": context.get("ip", ""),
                "user_agent": context.get("user_agent", ""),
                "at": at,
            },
            kind=_letter(template_prefix),
            at=at,
            language=person.language if isinstance(person, User) else "",
        )

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Link to SITE_URL: the Host header is whatever the client sent."""
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return settings.SITE_URL + path.replace("UID-KEY", quote(key))

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Answer 429 with Retry-After when an account or address has failed too often."""
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            raise ImmediateHttpResponse(too_many(request)) from None

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Count per account alone: allauth adds the Host header, which an attacker can vary."""
        return str(credentials.get("email", "")).strip().lower()


class ConsoleMfaAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # -- allauth ships no types
    """Second factors are secrets like any other."""

    def encrypt(self, text: str) -> str:
        """Encrypt what proves a second factor."""
        return crypto.encrypt(text).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        """Return what `encrypt` was given."""
        return crypto.decrypt(encrypted_text.encode("ascii"))


class ConsoleLoginRequiredMiddleware(LoginRequiredMiddleware):
    """Send who is not signed in to the sign-in page, the whole page also where htmx asked."""

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponseBase:  # type: ignore[override]  # -- HX-Redirect is a 200
        """Redirect, and come back to the page that the person was on."""
        login = redirect_to_login(
            page_of(request),
            self.get_login_url(view_func),
            self.get_redirect_field_name(view_func),
        )
        return go(request, login.url)


def confirmed_sign_in(view: "View") -> "View":
    """Ask for the password (or a second factor) again unless that was done within five minutes."""
    asking = reauthentication_required(view)

    @wraps(view)
    def confirmed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return cast("HttpResponseBase", asking(request, *args, **kwargs))
        except ReauthenticationRequired:
            if not request.headers.get("HX-Request"):
                raise
        # A dialog cannot hold it: the whole page asks, and goes on with the form's own page.
        page = request.get_full_path() if request.method == "GET" else page_of(request)
        ways = get_adapter().get_reauthentication_methods(request.user)
        where = ways[0]["url"] if ways else reverse("account_login")
        return go(request, f"{where}?{urlencode({'next': page})}")

    return confirmed


def go(request: HttpRequest, url: str) -> HttpResponse:
    """Lead somewhere else, the whole page also where htmx asked."""
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(url)
    return HttpResponseRedirect(url)


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 429 and say when to try again; also sasvpay.urls.handler429, which allauth asks."""
    response = render(request, "429.html", {"minutes": RETRY_AFTER_SECONDS // 60}, status=429)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def keep_language(response: HttpResponse, language: str) -> None:
    """Set the cookie that LocaleMiddleware reads."""
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        domain=settings.LANGUAGE_COOKIE_DOMAIN,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,  # type: ignore[arg-type]  # -- the setting is any text
    )


def _letter(template_prefix: str) -> str:
    """Return which of our letters stands for allauth's."""
    if template_prefix == "account/email/password_reset_key":
        return "password_reset"
    if template_prefix in _NEWS:
        return "security_news"
    return "unknown_account"


def page_of(request: HttpRequest) -> str:
    """Return the page to come back to: for what was posted or fetched, the page around it."""
    if request.method == "GET" and not request.headers.get("HX-Request"):
        return request.get_full_path()
    page = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}):
        return reverse(settings.LOGIN_REDIRECT_URL)
    parts = urlsplit(page)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
