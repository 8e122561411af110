import stat

import pytest
from django.core.mail import EmailMessage  # noqa: TID251 -- what the sign-in package sends with


def test_mailbox_writes_files_for_their_owner_only(settings, tmp_path, capsys):
    settings.DATA_DIR = tmp_path / "var"
    settings.EMAIL_BACKEND = "sasvpay.kit.mailbox.MailboxBackend"

    for number in range(2):
        EmailMessage(f"Reset {number}", "canary", to=["ann@example.com"]).send()

    paths = sorted((tmp_path / "var" / "mail").iterdir())
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600, 0o600]
    assert stat.S_IMODE(paths[0].parent.stat().st_mode) == 0o700
    assert all(b"canary" in path.read_bytes() for path in paths)
    shown = capsys.readouterr().out
    assert shown.count("\n") == 2
    assert "ann@example.com" in shown
    assert "Reset 1" in shown
    assert str(paths[0]) in shown
    assert "canary" not in shown


def test_mailbox_writes_nothing_for_a_broken_header(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "var"
    settings.EMAIL_BACKEND = "sasvpay.kit.mailbox.MailboxBackend"

    with pytest.raises(ValueError, match="newlines"):
        EmailMessage("Reset\nBcc: x@example.com", "canary", to=["ann@example.com"]).send()

    assert list((tmp_path / "var" / "mail").iterdir()) == []
