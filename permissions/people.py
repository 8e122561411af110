"""People: the only place that makes one, finds one by e-mail, and keeps a profile."""

from typing import Final

from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from permissions.models import User
from sasvpay.kit.errors import DomainError

_EMAIL_LENGTH: Final = 254


class UnusableEmailError(DomainError):
    """The text is no address, or one that looks like another person's."""

    code = "unusable_email"
    status = 422


class EmailTakenError(DomainError):
    """Somebody has that address already."""

    code = "email_taken"


class NoAccountError(DomainError):
    """Nobody who can sign in has that address."""

    code = "no_account"
    status = 422


class BlankNameError(DomainError):
    """Something must be called something."""

    code = "blank_name"
    status = 422


def normal_email(text: str) -> str:
    """Return the address as we keep it, in lower case. Raises UnusableEmailError.

    Letters beyond ASCII are refused: they can look exactly like another person's address.
    """
    email = text.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        email = ""
    if not email or not email.isascii() or len(email) > _EMAIL_LENGTH:
        raise UnusableEmailError(_("Enter an e-mail address in plain letters, such as a@b.com."))
    return email


def normal_name(text: str) -> str:
    """Return a name without space around it. Raises BlankNameError."""
    name = " ".join(text.split())
    if not name:
        raise BlankNameError(_("Enter a name."))
    return name


@transaction.atomic
def create(*, email: str, name: str, password: str | None = None) -> User:
    """Add a person, whose address counts as proved. Without a password: to be set by mail."""
    email = normal_email(email)
    try:
        with transaction.atomic():
            user = User.objects.create_user(email, password, name=normal_name(name))
    except IntegrityError:
        raise EmailTakenError(_("%(email)s has an account already.") % {"email": email}) from None
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def find(email: str) -> User:
    """Return the active person of that address, in any case. Raises NoAccountError."""
    email = normal_email(email)
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None:
        raise NoAccountError(
            _("%(email)s has no account here. Invite this person to a team first.")
            % {"email": email}
        )
    return user


def locked(user: User) -> User:
    """Return the person with the row locked: a house role and a membership exclude each other."""
    return User.objects.select_for_update(no_key=True).get(pk=user.pk)


def set_profile(*, user: User, name: str, language: str, theme: str, density: str) -> None:
    """Keep how a person is called and how the console looks to them."""
    user.name = normal_name(name)
    user.language, user.theme, user.density = language, theme, density
    user.save(update_fields=["name", "language", "theme", "density"])


def set_preferences(*, user: User, **chosen: str) -> None:
    """Keep one or more of theme, density and language."""
    for preference, value in chosen.items():
        setattr(user, preference, value)
    user.save(update_fields=list(chosen))


def end_sessions(user: User, *, by: User | None) -> None:
    """Sign a person out everywhere, because what they may do has changed.

    Their own act leaves them signed in: a session that ends in its own request is an error page.
    """
    if by is not None and by.pk == user.pk:
        return
    for session in UserSession.objects.filter(user=user):
        session.end()
