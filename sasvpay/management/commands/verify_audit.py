"""`manage.py verify_audit`: walk every chain of the audit trail, and say what was changed."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from sasvpay.kit import audit_check


class Command(BaseCommand):
    """Verify the trail, if wished also against anchors that were kept elsewhere."""

    help = "Find every edited, deleted or swapped event of the audit trail, and ends that are cut."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the anchors, or print one."""
        parser.add_argument(
            "--anchors",
            type=Path,
            metavar="FILE",
            help="also compare with the anchors in FILE: the daily letters, in any order",
        )
        parser.add_argument(
            "--print-anchor", action="store_true", help="print where every chain ends, and stop"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each fault; exit with 1 if there was any."""
        if options["print_anchor"]:
            self.stdout.write(audit_check.anchor(timezone.now()))
            return
        anchors = _read(options["anchors"])
        chains, found = audit_check.chains(anchors), 0
        for chain in chains:
            for fault in audit_check.faults(chain, anchors.get(chain, {})):
                found += 1
                self.stdout.write(str(fault))
        if found:
            raise CommandError(f"Faults found: {found} (chains: {len(chains)}).")
        self.stdout.write(f"Chains: {len(chains)}. Nothing was changed.")


def _read(path: Path | None) -> audit_check.Anchors:
    if path is None:
        return {}
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            anchors = audit_check.read_anchors(file)
    except OSError as problem:
        raise CommandError(f"{path} cannot be read: {problem.strerror}.") from None
    if not anchors:
        raise CommandError(f"{path} holds no anchor: look for lines with “audit_heads”.")
    return anchors
