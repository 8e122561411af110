"""The demo: a superapp with two teams, made through the same functions that people's acts use.

Loading it twice adds nothing. Names, items and prices are in `fixtures/demo.json`.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from items import catalog, release
from items.models import ItemVersion
from orders import credentials, delivery_config
from orders.models import DeliveryConfig, DeliveryKey
from permissions import enablement, games, house, people, teams
from permissions.models import CallbackKey, MiniGame, Team, User
from sasvpay.kit import crypto

_FIXTURE: Final = settings.BASE_DIR / "fixtures" / "demo.json"


def plan() -> dict[str, Any]:
    """Return what the demo consists of."""
    loaded: dict[str, Any] = json.loads(_FIXTURE.read_text("utf-8"))
    return loaded


def load(*, receiver_url: str, at: datetime) -> None:
    """Make the demo, or bring the demo game's URLs up to date where it is there already."""
    wanted = plan()
    if not Team.objects.filter(name=wanted["teams"][0]["name"]).exists():
        with transaction.atomic():
            _make(wanted, receiver_url=receiver_url, at=at)
    _point_to(receiver_url, at=at)


def _make(wanted: Mapping[str, Any], *, receiver_url: str, at: datetime) -> None:
    password = wanted["password"]
    for person in wanted["house"]:
        user = people.create(email=person["email"], name=person["name"], password=password)
        house.set_house_role(user=user, role=person["role"], by=None, at=at)
    keeper = _person(wanted["house"][1])
    for team_plan in wanted["teams"]:
        _make_team(team_plan, keeper=keeper, password=password, at=at)
    ready, waiting, *_rest = MiniGame.objects.order_by("pk")
    _make_ready(ready, wanted, receiver_url=receiver_url, at=at)
    enablement.request(
        game=waiting, message=wanted["messages"]["waiting"], by=_administrator(waiting), at=at
    )


def _make_team(team_plan: Mapping[str, Any], *, keeper: User, password: str, at: datetime) -> None:
    team = games.create_team(name=team_plan["name"], by=keeper, at=at)
    if merchant := team_plan.get("merchant"):
        games.bind_merchant(team=team, **merchant, by=keeper, at=at)
    for person in team_plan["members"]:
        user = people.create(email=person["email"], name=person["name"], password=password)
        teams.add_member(team=team, user=user, role=person["role"], by=keeper, at=at)
    for game_plan in team_plan["games"]:
        game = games.create_game(
            team=team, name=game_plan["name"], app_id=game_plan["app_id"], by=keeper, at=at
        )
        _add_items(game, game_plan["items"], at=at)


def _add_items(game: MiniGame, plans: Iterable[Mapping[str, Any]], *, at: datetime) -> None:
    by = _administrator(game)
    for item in plans:
        catalog.add(
            game=game,
            item_id=item["id"],
            name=item["name"],
            price_cents=item["price_cents"],
            image=None,
            by=by,
            at=at,
        )
    offered = [item["id"] for item in plans if not item.get("is_draft")]
    ids = catalog.items_of(game).filter(item_id__in=offered).values_list("pk", flat=True)
    release.request(game=game, item_ids=ids, message="", by=by, at=at)


def _make_ready(
    game: MiniGame, wanted: Mapping[str, Any], *, receiver_url: str, at: datetime
) -> None:
    administrator, reviewer = _administrator(game), _person(wanted["house"][2])
    asked = enablement.request(
        game=game, message=wanted["messages"]["request"], by=administrator, at=at
    )
    enablement.approve(request_id=asked.pk, by=reviewer, at=at, note=wanted["messages"]["note"])
    offered = release.waiting(game=game).values_list("pk", flat=True)
    release.approve(request_ids=offered, by=reviewer, at=at)
    delivery_config.save(
        game=game, url=receiver_url, test_url=receiver_url, by=administrator, at=at
    )
    delivery_config.switch_on(game=game, push_waiting=False, by=administrator, at=at)


def _point_to(receiver_url: str, *, at: datetime) -> None:
    """Follow the demo receiver when PORT changed; leave an address that a person chose alone."""
    config = DeliveryConfig.objects.select_related("game").get(game=demo_game())
    is_ours = config.url.startswith("http://127.0.0.1:") and config.url.endswith("/notify")
    if is_ours and config.url != receiver_url:
        delivery_config.save(
            game=config.game,
            url=receiver_url,
            test_url=receiver_url,
            by=_administrator(config.game),
            at=at,
        )


def demo_game() -> MiniGame:
    """Return the game that is ready to be paid in. Raises MiniGame.DoesNotExist without a demo."""
    return MiniGame.objects.select_related("team").get(
        app_id=plan()["teams"][0]["games"][0]["app_id"]
    )


def describe(*, receiver_url: str, at: datetime) -> dict[str, Any]:
    """Return people, passwords, keys and items of the demo, for scripts."""
    wanted, game = plan(), demo_game()
    callback_key = CallbackKey.objects.get(game=game, retires_at=None)
    delivery_key = credentials.current_key(game, at)
    if delivery_key is None:
        raise DeliveryKey.DoesNotExist("The demo game has no delivery key.")
    crowd = [*wanted["house"], *(m for team in wanted["teams"] for m in team["members"])]
    return {
        "console_url": settings.SITE_URL,
        "people": [person | {"password": wanted["password"]} for person in crowd],
        "app_id": game.app_id,
        "callback_url": f"{settings.SITE_URL}/callback/{game.app_id}",
        "callback_key": crypto.decrypt(callback_key.secret_encrypted),
        "delivery_key": crypto.decrypt(delivery_key.secret_encrypted),
        "receiver_url": receiver_url,
        "items": [
            {"id": version.item.item_id, "price_cents": version.price_cents}
            for version in ItemVersion.objects.filter(
                item__game=game, status=ItemVersion.Status.RELEASED
            ).select_related("item")
        ],
    }


def _person(person: Mapping[str, Any]) -> User:
    return User.objects.get(email=person["email"])


def _administrator(game: MiniGame) -> User:
    return User.objects.filter(
        memberships__team=game.team, memberships__role="team_admin"
    ).earliest("pk")
