"""Make the first person: the one super admin."""

import getpass
import secrets
import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from permissions import house
from sasvpay.kit.errors import DomainError


class Command(BaseCommand):
    """`manage.py create_super_admin EMAIL`."""

    help = "Makes the first person, the super admin. Refuses when there is one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address, and the name if it shall not be made from it."""
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--name", default="", help="what the person is called")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask for a password, or make one and print it once."""
        email = options["email"]
        password = _typed()
        try:
            user = house.create_super_admin(
                email=email,
                name=options["name"] or email.partition("@")[0],
                password=password or (made := secrets.token_urlsafe(15)),
                at=timezone.now(),
            )
        except DomainError as refusal:
            raise CommandError(refusal.message) from None
        self.stdout.write(f"{user.email} is the super admin.")
        if not password:
            self.stdout.write(f"Password: {made}")


def _typed() -> str:
    """Return what was typed; nothing when nobody sits there, or only Enter was pressed."""
    if not sys.stdin.isatty():
        return ""
    password = getpass.getpass("Password (empty: one is made): ")
    if password:
        try:
            validate_password(password)
        except ValidationError as problem:
            raise CommandError(" ".join(problem.messages)) from None
    return password
