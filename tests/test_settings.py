"""A settings mistake stops the start with one sentence that says what to give."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).parent.parent
PRODUCTION = {"PRODUCTION": "1", "SECRET_KEY": "x" * 50, "MASTER_KEYS": "k" * 43 + "="}


def _settings(monkeypatch, folder, **environment):
    for name in ("DATABASE_URL", "REDIS_URL", "PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"DATA_DIR": str(folder), **environment}.items():
        monkeypatch.setenv(name, value)
    return runpy.run_path(str(ROOT / "sasvpay" / "settings.py"))


def test_development_needs_no_settings(monkeypatch, tmp_path):
    found = _settings(monkeypatch, tmp_path / "new")

    assert (found["PORT"], found["SITE_URL"]) == (8000, "http://localhost:8000")
    assert found["DATABASES"]["default"]["NAME"] == str(tmp_path / "new" / "console.sqlite3")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PRODUCTION": "maybe"}, "PRODUCTION must be 1 or 0"),
        ({"REQUIRE_MFA": "maybe"}, "REQUIRE_MFA must be 1 or 0"),
        ({"DELIVERY_DRAIN_A_SECOND": "0"}, "DELIVERY_DRAIN_A_SECOND must be orders a second"),
        ({"PRODUCTION": "1"}, "SECRET_KEY is required when PRODUCTION=1"),
        (PRODUCTION, "CA_CERT is required when PRODUCTION=1"),
        ({"MASTER_KEYS": "k"}, "MASTER_KEYS must be Fernet keys"),
        ({"MASTER_KEYS": "k" * 43 + "=,"}, "MASTER_KEYS must be Fernet keys"),
        ({"PORT": "abc"}, "PORT must be a number from 1 to 65535"),
        ({"PORT": "70000"}, "PORT must be a number from 1 to 65535"),
        ({"SITE_URL": "console.example"}, "SITE_URL must be the console's own address"),
        ({"TRUSTED_PROXIES": "-1"}, "TRUSTED_PROXIES must be a number from 0 to 10"),
        ({"CONSOLE_TIME_ZONE": "Mars/Base"}, "CONSOLE_TIME_ZONE must be a time zone"),
        ({"CONSOLE_TIME_ZONE": "../etc"}, "CONSOLE_TIME_ZONE must be a time zone"),
        ({"CURRENCY": "xx"}, "CURRENCY must be a currency with two decimals"),
        ({"CURRENCY": "JPY"}, "CURRENCY must be a currency with two decimals"),
        ({"DELIVERY_TIMEOUT_SECONDS": "30"}, "DELIVERY_TIMEOUT_SECONDS must be seconds above 0"),
        ({"DELIVERY_RETRY_SECONDS": "15,x"}, "DELIVERY_RETRY_SECONDS must be whole seconds"),
        ({"DELIVERY_RETRY_SECONDS": "15,-1"}, "DELIVERY_RETRY_SECONDS must be whole seconds"),
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL must be given as postgres://"),
        ({"DATABASE_URL": "mysql://a@b/c"}, "DATABASE_URL must be given as postgres://"),
        ({"REDIS_URL": "http://redis"}, "REDIS_URL must be empty, or such as redis://"),
        ({"RETENTION_MONTHS": "12"}, "RETENTION_MONTHS must be a number of months from 13 to 120"),
        ({"METRICS_TOKEN": "short"}, "METRICS_TOKEN must be empty, or at least 16 characters"),
        ({"EMAIL_URL": "nonsense"}, "EMAIL_URL must be a mail server"),
        ({"DATA_DIR": "/proc/console"}, "DATA_DIR must be a folder in which this user may write"),
    ],
)
def test_a_mistake_is_named_with_what_to_give(monkeypatch, tmp_path, environment, sentence):
    with pytest.raises(ImproperlyConfigured, match=sentence):
        _settings(monkeypatch, tmp_path, **environment)


def test_a_secret_is_not_repeated(monkeypatch, tmp_path):
    with pytest.raises(ImproperlyConfigured) as refused:
        _settings(monkeypatch, tmp_path, DATABASE_URL="mysql://console:hunter2@db/console")

    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PORT": "abc"}, "The console is not configured: PORT must be a number"),
        (
            {"DATABASE_URL": "postgres://x@127.0.0.1:1/x"},
            "CommandError: The database x at 127.0.0.1 cannot be reached",
        ),
    ],
    ids=["setting", "database"],
)
def test_the_start_stops_with_a_sentence_and_no_traceback(tmp_path, environment, words):
    tried = subprocess.run(
        [sys.executable, "manage.py", "serve"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert tried.returncode == 1
    # The connection pool logs its own view of it first.
    assert tried.stderr.splitlines()[-1].startswith(words)
    assert "Traceback" not in tried.stderr
