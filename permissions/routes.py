"""What each route demands: a walk over the URLconf, for the check, the buttons and the sweep."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from django.urls import URLPattern, URLResolver, get_resolver

from permissions.access import Access, View


@dataclass(frozen=True)
class Route:
    """One address of the console."""

    name: str
    pattern: str
    view: View
    access: Access | None


@cache
def all_routes() -> tuple[Route, ...]:
    """Return every route of the URLconf."""
    return tuple(_walk(get_resolver().url_patterns, prefix="", namespace=""))


@cache
def demand_of(name: str) -> Access:
    """Return what the route of that name declares. Raises LookupError for an unknown name."""
    for route in all_routes():
        if route.name == name and route.access:
            return route.access
    raise LookupError(f"No route is named {name!r}.")


def _walk(
    patterns: Sequence[URLPattern | URLResolver], *, prefix: str, namespace: str
) -> Iterator[Route]:
    for entry in patterns:
        where = f"{prefix}{entry.pattern}"
        if isinstance(entry, URLPattern):
            yield Route(
                name=f"{namespace}{entry.name or ''}",
                pattern=where,
                view=entry.callback,
                access=getattr(entry.callback, "access", None),
            )
        else:
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from _walk(entry.url_patterns, prefix=where, namespace=inner)
