"""Logs: JSON with request ids in production, readable lines in development, secrets in neither."""

import logging.config
import re
from typing import Any

import structlog

# A value under such a name, or what looks like a secret anywhere, does not reach a log: the hex of
# a key or signature, a private key, a master key, a second factor's seed, a bearer token, the
# password of an address, the end of a link that opens an invitation or sets a password.
_SECRET_NAMES = re.compile(
    r"(?i)secret|password|token|_key$|^key$|authorization|cookie|sig$|signature"
)
_SECRET_VALUES = re.compile(
    r"\b[0-9a-f]{64}\b"
    r"|-----BEGIN [^-]*PRIVATE KEY-----[\s\S]*?-----END [^-]*-----"
    r"|(?<![\w-])[\w-]{43}="
    r"|\b[A-Z2-7]{32}\b"
    r"|(?<=Bearer )\S+"
    r"|(?<=://)[^/\s@]*:[^/\s@]+(?=@)"
    r"|(?<=/invitations/)[^/\s?]+"
    r"|(?<=/password/reset/)[0-9A-Za-z]+-[^/\s?]+"
    r"|(?<=[?&])\w*(?i:secret|password|token|signature)\w*=[^&\s]+"
)
_CUT = "[redacted]"
# Its own, taken out before the line is written.
_OF_STRUCTLOG = frozenset({"_record", "_from_structlog"})


def redact(
    logger: Any, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Cut secrets out of one log event, by the names and by the look of its values."""
    return {name: _redacted(name, value) for name, value in event.items()}


def _redacted(name: str, value: Any) -> Any:
    if name in _OF_STRUCTLOG:
        return value
    if _SECRET_NAMES.search(name):
        return _CUT
    match value:
        case dict():
            return {str(key): _redacted(str(key), each) for key, each in value.items()}
        case list() | tuple() | set():
            return [_redacted("", each) for each in value]
        case None | bool() | int() | float():
            return value
    # Whatever else it is becomes text in the line; a secret in its text goes here.
    return _SECRET_VALUES.sub(_CUT, str(value))


def configure(options: dict[str, Any]) -> None:
    """Set up logging; called by Django with settings.LOGGING (`json`, `level`)."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if options["json"]
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    structlog.configure(
        processors=[
            # First: a line that nobody will read costs nothing.
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        renderer,
                    ],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"handlers": ["stderr"], "level": options["level"]},
            "loggers": {
                # Every request is one line of django_structlog's; its second line says the same.
                "django.request": {"level": "ERROR"},
                "django.server": {"level": "WARNING"},
                "celery": {"level": "WARNING"},
                "_granian": {"level": "WARNING"},
                # It remarks that the file system has no host name.
                "kombu.connection": {"level": "ERROR"},
            },
        }
    )
