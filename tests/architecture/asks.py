"""One valid request per guarded route: what its URL names, and a body that changes something."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from items import exemption, importing, release, workbook
from items.models import ImportBatch
from orders import resending
from permissions import enablement, game_grants, invitations
from permissions.matrix import Capability, HouseRole, TeamRole
from permissions.models import GameGrant
from sasvpay.kit import crypto
from tests import factories
from tests.architecture.world import World
from tests.factories import AT


@dataclass(frozen=True)
class Ask:
    """The request. Without a body, a POST is not for this route."""

    kwargs: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    is_post_only: bool = False
    # A page that only reads may take any method.
    ignores_method: bool = False
    # The place is another team's: whoever holds a role in this one only does not see it.
    is_elsewhere: bool = False

    @property
    def names_a_place(self) -> bool:
        """Say whether the URL names a team or a game, whose existence must not leak."""
        return bool({"team_id", "app_id"} & set(self.kwargs))


def _team(world: World, body: dict[str, Any] | None = None, **more: Any) -> Ask:
    return Ask({"team_id": world.team.pk, **more}, body)


def _game(world: World, body: dict[str, Any] | None = None, **more: Any) -> Ask:
    return Ask({"app_id": world.game.app_id, **more}, body)


def _reading(ask: Ask) -> Ask:
    return Ask(ask.kwargs, None, ignores_method=True)


def _posting(ask: Ask) -> Ask:
    return Ask(ask.kwargs, ask.body or {}, is_post_only=True)


def _invitation(world: World) -> Ask:
    offer = invitations.invite(
        team=world.team, email="new@example.com", role=TeamRole.DEVELOPER,
        by=world.people["team_admin"], at=AT,
    )  # fmt: skip
    return _posting(_team(world, pk=offer.pk))


def _grant(world: World) -> Ask:
    game_grants.grant_on_game(
        game=world.game, user=factories.UserFactory(), capability=Capability.ITEM_VIEW,
        by=world.people["team_admin"], at=AT,
    )  # fmt: skip
    return _team(world, {}, pk=GameGrant.objects.get().pk)


def _pending(world: World, body: dict[str, Any]) -> Ask:
    asked = enablement.request(
        game=world.game, message="Please.", by=world.people["team_admin"], at=AT
    )
    return _game(world, body, request_id=asked.pk)


def _approved(world: World, body: dict[str, Any]) -> Ask:
    ask = _pending(world, body)
    enablement.approve(request_id=ask.kwargs["request_id"], by=world.people["reviewer"], at=AT)
    return ask


def _configured(world: World, **changes: Any) -> None:
    factories.DeliveryConfigFactory(
        game=world.game, test_url="http://127.0.0.1:9/test", first_saved_by=world.people["team_admin"],
        **changes,
    )  # fmt: skip
    factories.DeliveryKeyFactory(game=world.game, issued_by=world.people["team_admin"])


def _after(
    prepare: Callable[..., None], ask: Callable[[World], Ask], **facts: Any
) -> Callable[[World], Ask]:
    def build(world: World) -> Ask:
        prepare(world, **facts)
        return ask(world)

    return build


def _callback_key(world: World) -> Any:
    return factories.CallbackKeyFactory(
        game=world.game,
        issued_by=world.people["reviewer"],
        secret_encrypted=crypto.encrypt("c" * 64),
    )


def _order(world: World, **facts: Any) -> Any:
    delivery = factories.DeliveryFactory(order__game=world.game, **facts)
    return delivery.order


def _refund(world: World) -> Any:
    return factories.RefundFactory(order__game=world.game)


def _attempt(world: World) -> Any:
    delivery = factories.DeliveryFactory(
        order__game=world.game, order__created_at=timezone.now(), status="failed", attempts=1
    )
    return factories.DeliveryAttemptFactory(delivery=delivery)


def _resend(world: World) -> Any:
    _configured(world)
    _attempt(world)
    return resending.start(
        game=world.game, query="", by=world.people["team_admin"], at=timezone.now()
    )


def _version(world: World, status: str, **facts: Any) -> Any:
    return factories.ItemVersionFactory(
        item__game=world.game, status=status, changed_by=world.people["senior_developer"], **facts
    )


def _item(world: World, body: dict[str, Any] | None = None, status: str = "draft") -> Ask:
    return _game(world, body, item_id=_version(world, status).item.item_id)


def _beside(world: World) -> Ask:
    live = _version(world, "released")
    factories.ItemVersionFactory(item=live.item, number=2, status="draft")
    return _game(world, {}, item_id=live.item.item_id)


def _picture(world: World) -> Ask:
    stored = default_storage.save("items/picture.webp", ContentFile(b"RIFF"))
    version = _version(world, "released", image=stored)
    name = stored.rpartition("/")[2]
    return _game(world, item_id=version.item.item_id, name=name)


def _marked(world: World, status: str) -> Ask:
    return _game(world, {"item": _version(world, status).item_id})


def _in_review(world: World) -> Any:
    version, by = _version(world, "draft"), world.people["team_admin"]
    release.request(game=world.game, item_ids=[version.item_id], message="", by=by, at=AT)
    return version


def _release(world: World, **more: Any) -> Ask:
    request = _in_review(world).release_requests.get()
    return Ask(body={"request": request.pk, **more})


def _exemption(world: World, body: dict[str, Any], *, is_approved: bool = False) -> Ask:
    by = world.people["team_admin"]
    asked = exemption.request(game=world.game, message="Please.", by=by, at=AT)
    if is_approved:
        exemption.approve(request_id=asked.pk, by=world.people["reviewer"], at=AT)
    return _game(world, body, request_id=asked.pk)


def _workbook() -> Any:
    return SimpleUploadedFile("items.xlsx", workbook.template())


def _import(world: World, status: str = "ready") -> Ask:
    batch = importing.upload(
        game=world.game, workbook=_workbook(), pictures=None, by=world.people["developer"], at=AT
    )
    ImportBatch.objects.filter(pk=batch.pk).update(status=status, new=1)
    return _game(world, batch_id=batch.pk)


ASKS: dict[str, Callable[[World], Ask]] = {
    "dashboard": lambda w: _game(w) if _order(w) else Ask(),
    "team-dashboard": lambda w: _team(w) if _order(w) else Ask(),
    "payment": lambda w: _reading(_game(w)),
    "game-audit": _game,
    "game-audit-export": lambda w: _game(w, {"format": "csv", "columns": ["number"]}),
    "team-audit": _team,
    "team-audit-export": lambda w: _team(w, {"format": "csv", "columns": ["number"]}),
    "house-audit": lambda w: Ask(),
    "house-audit-export": lambda w: Ask(body={"format": "csv", "columns": ["number"]}),
    "review-queue": lambda w: _reading(Ask()),
    "permissions:payment-request": lambda w: _game(w, {"message": "Please enable it."}),
    "permissions:payment-approve": lambda w: _pending(w, {"note": "Welcome."}),
    "permissions:payment-reject": lambda w: _pending(w, {"note": "The merchant is unknown."}),
    "permissions:payment-disable": lambda w: _approved(w, {"note": "Complaints."}),
    "permissions:callback-key": lambda w: _reading(_game(w)),
    "permissions:callback-key-show": lambda w: _posting(_game(w, key_id=_callback_key(w).pk)),
    "permissions:callback-key-rotate": lambda w: _game(w, {}) if _callback_key(w) else Ask(),
    "permissions:member-list": lambda w: _reading(_team(w)),
    "permissions:member-invite": lambda w: _team(
        w, {"email": "new@example.com", "role": "developer"}
    ),
    "permissions:member-role": lambda w: _team(w, {"role": "operator"}, pk=w.member().pk),
    "permissions:member-remove": lambda w: _team(w, {}, pk=w.member().pk),
    "permissions:invitation-revoke": _invitation,
    "permissions:grant-add": lambda w: _team(
        w,
        {
            "email": factories.UserFactory().email,
            "game": w.game.pk,
            "capability": Capability.ITEM_EDIT.value,
        },
    ),
    "permissions:grant-withdraw": _grant,
    "permissions:team-list": lambda w: _reading(Ask()),
    "permissions:team-add": lambda w: Ask(body={"name": "Newcomers", "administrator": ""}),
    "permissions:team-detail": lambda w: _reading(_team(w)),
    "permissions:team-rename": lambda w: _team(w, {"name": "Another name"}),
    "permissions:team-merchant": lambda w: _team(w, {"merchant_id": "m_9", "name": "Other"}),
    "permissions:team-administrator": lambda w: Ask(
        {"team_id": factories.TeamFactory().pk}, {"email": "first@example.com"}, is_elsewhere=True
    ),
    "permissions:game-add": lambda w: _team(w, {"name": "Second game", "app_id": ""}),
    "permissions:game-rename": lambda w: _team(w, {"name": "Renamed"}, pk=w.game.pk),
    "permissions:house-list": lambda w: _reading(Ask()),
    "permissions:house-add": lambda w: Ask(
        body={"email": "p@example.com", "name": "P", "role": HouseRole.REVIEWER.value}
    ),
    "permissions:house-role": lambda w: Ask(
        {"pk": factories.UserFactory(house_role=HouseRole.REVIEWER).pk},
        {"role": HouseRole.PLATFORM_ADMIN.value},
    ),
    "orders:config": _game,
    "orders:config-edit": lambda w: _game(w, {"url": "http://127.0.0.1:9/deliver"}),
    "orders:config-on": _after(_configured, lambda w: _game(w, {"held": "push"}), is_enabled=False),
    "orders:config-off": _after(_configured, lambda w: _game(w, {})),
    "orders:key-rotate": _after(_configured, lambda w: _game(w, {"when": "0"})),
    "orders:test-push": _after(_configured, lambda w: _posting(_game(w))),
    "orders:protocol": _game,
    "orders:signature": _after(_configured, lambda w: _game(w, {"text": '{"OutTradeNo":"fresh"}'})),
    "orders:delivery-list": lambda w: _game(w) if _order(w) else Ask(),
    "orders:delivery-detail": lambda w: _game(w, order_id=_order(w).pk),
    "orders:attempt-detail": lambda w: _game(w, order_id=_attempt(w).delivery_id, number=1),
    "orders:delivery-resend": _after(
        _configured, lambda w: _game(w, {"order": _attempt(w).delivery_id})
    ),
    "orders:resend-progress": lambda w: _game(w, job_id=_resend(w).pk),
    "orders:delivery-settle": lambda w: _game(
        w, {"reason": "The player has it."}, order_id=_order(w).pk
    ),
    "orders:order-list": lambda w: _game(w) if _order(w) else Ask(),
    "aftersales:refund-export": lambda w: _game(w, {"format": "csv", "columns": ["number"]}),
    "orders:order-export": lambda w: _game(w, {"format": "csv", "columns": ["number"]}),
    "orders:order-detail": lambda w: _game(w, order_id=_order(w).pk),
    "orders:order-settle": lambda w: _game(
        w, {"note": "A coupon."}, order_id=_order(w, order__flags="paid_nothing").pk
    ),
    "aftersales:refund-list": _game,
    "aftersales:refund-detail": lambda w: _game(w, refund_id=_refund(w).pk),
    "items:item-list": lambda w: _game(w) if _version(w, "released") else Ask(),
    "items:item-detail": _item,
    "items:item-image": _picture,
    "items:item-add": lambda w: _game(w, {"item_id": "sword", "name": "Sword", "price": "4.99"}),
    "items:item-edit": lambda w: _item(w, {"name": "Sword", "price": "4.99", "version": 1}),
    "items:draft-discard": _beside,
    "items:release-request": lambda w: _marked(w, "draft"),
    "items:release-withdraw": lambda w: _game(w, {"item": _in_review(w).item_id}),
    "items:item-remove": lambda w: _marked(w, "released"),
    "items:item-delete": lambda w: _marked(w, "draft"),
    "items:act-result": lambda w: _game(w, token="gone"),
    "items:import-template": _game,
    "items:import-list": lambda w: _game(w, {"workbook": _workbook()}),
    "items:import-detail": _import,
    "items:import-wrong": _import,
    "items:import-apply": lambda w: _posting(_import(w)),
    "items:import-again": lambda w: _posting(_import(w)),
    "items:import-discard": lambda w: _posting(_import(w)),
    "items:exemption": _game,
    "items:exemption-request": lambda w: _game(w, {"message": "We are careful."}),
    "items:exemption-approve": lambda w: _exemption(w, {"note": ""}),
    "items:exemption-reject": lambda w: _exemption(w, {"note": "Too early."}),
    "items:exemption-revoke": lambda w: _exemption(w, {"note": "Complaints."}, is_approved=True),
    "items:release-approve": _release,
    "items:release-reject": lambda w: _release(w, note="A trademark."),
    "items:release-result": lambda w: Ask({"token": "gone"}),
}
