"""A full house: long names, many rows, every state an order, a request or a person can be in."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from aftersales.models import Refund
from aftersales.refunds import Refunds
from orders import rollup
from orders.models import ConflictingCallback, DeliveryAttempt, DeliveryStatus, Receiver, TestPush
from permissions import enablement, game_grants, invitations
from permissions.matrix import Capability, HouseRole, TeamRole
from permissions.models import Membership, User
from sasvpay.kit import audit
from sasvpay.kit.audit import Event
from tests import factories
from tests.aftersales.reports import report_of
from tests.browser.shelves import Shelves
from tests.browser.words import CHINESE, LONG

PAYLOAD = '{"OutTradeNo":"T1","GoodsInfo":{"ProductId":"gold_100","Quantity":1}}'


class Scene:
    """One team whose first game sells, whose second waits for a reviewer, whose third is new."""

    def __init__(self):
        self.at = timezone.now()
        self.team = factories.TeamFactory(name="Realm Studio")
        factories.MerchantFactory(team=self.team, merchant_id="m_10023")
        self.people = {
            role.value: factories.MembershipFactory(team=self.team, role=role).user
            for role in TeamRole
        }
        for role in HouseRole:
            self.people[role.value] = factories.UserFactory(house_role=role)
        self.people["guest"] = factories.UserFactory(name=CHINESE)
        self.selling, self.waiting, self.new = (
            factories.MiniGameFactory(team=self.team, name=name)
            for name in ("Realm of Stars", CHINESE, LONG)
        )
        self.enable(self.selling)
        self.ask(self.waiting)

    @property
    def admin(self):
        return self.people["team_admin"]

    @property
    def reviewer(self):
        return self.people["reviewer"]

    def ask(self, game, message="Players want skins.\n玩家想要皮肤。"):
        return enablement.request(game=game, message=message, by=self.admin, at=self.at)

    def enable(self, game):
        request = self.ask(game)
        enablement.approve(request_id=request.pk, by=self.reviewer, at=self.at, note="Welcome.")
        game.refresh_from_db()

    def deliver_to(self, url, game=None):
        """Configure delivery as a person would have done."""
        game = game or self.selling
        factories.DeliveryKeyFactory(game=game, sent_to=self.admin.email)
        return factories.DeliveryConfigFactory(
            game=game, url=url, test_url=url, first_saved_by=self.admin
        )

    def sell(self, count, **facts):
        """Add orders, the last one the newest."""
        return [
            factories.DeliveryFactory(
                order__game=self.selling,
                order__number=f"N{number:05}",
                order__created_at=self.at - timedelta(minutes=count - number),
                **facts,
            ).order
            for number in range(count)
        ]

    def sell_oddly(self):
        """Return an order that has everything an order can have: flags, attempts, conflicts."""
        work = factories.DeliveryFactory(
            order__game=self.selling,
            order__number="ODD" + "9" * 61,
            order__open_id="o" * 128,
            order__product_id="p" * 128,
            order__attach="附加" * 200,
            order__payload=PAYLOAD,
            order__flags="unknown_item price_differs payment_not_enabled",
            order__created_at=self.at,
            status=DeliveryStatus.FAILED,
            attempts=2,
            last_verdict="not_json",
        )
        for number, verdict in enumerate(("timeout", "not_json"), start=1):
            DeliveryAttempt.objects.create(
                delivery=work,
                number=number,
                started_at=self.at,
                url="https://pay.example.com/" + "deep/" * 40,
                signature="a" * 64,
                status_code=200 if verdict == "not_json" else None,
                answer="<html>" + "no " * 400,
                took_ms=3000,
                verdict=verdict,
                detail="x" * 200,
            )
        ConflictingCallback.objects.create(
            game=self.selling,
            order=work.order,
            event="minigame_game_pay_goods_deliver_notify",
            env="0",
            number=work.order.number,
            pay_model="test",
            payload=PAYLOAD,
            differs="ActualPrice Quantity",
            request_id=work.order.request_id,
            created_at=self.at,
        )
        return work.order

    def refund_oddly(self):
        """Return a refund that has everything a refund can have: flags, events, conflicts."""
        began = int(self.at.timestamp()) - 3600
        told = {"OutTradeNo": self.odd.number, "RefundNo": "ODD" + "9" * 61, "InitiatedAt": began}
        for number in range(25):
            self.tell_of_refund(OutTradeNo=f"N{number:05}", InitiatedAt=began - number)
        self.tell_of_refund("processing", **told, Reason="附加" * 200, RefundAmount=10**9)
        self.tell_of_refund(**told, Reason="附加" * 200, RefundAmount=10**9)
        self.tell_of_refund("failed", **told, RefundAmount=7)
        self.tell_of_refund(OutTradeNo="E" * 64, RefundNo="early", InitiatedAt=began)
        return Refund.objects.get(number=told["RefundNo"])

    def tell_of_refund(self, status="succeeded", **told):
        told.setdefault("RefundNo", f"R{told['OutTradeNo']}")
        told["FinishedAt"] = 0 if status == "processing" else told["InitiatedAt"] + 60
        Refunds().store([report_of(self.selling, status, **told)], at=self.at)

    def pause(self):
        """Have the live URL fail for long."""
        Receiver.objects.create(
            game=self.selling,
            env="0",
            failures=31,
            failing_since=self.at - timedelta(hours=1),
            last_verdict="http_status",
            last_detail="HTTP 502",
            paused_at=self.at,
            next_at=self.at + timedelta(minutes=5),
        )

    def push_failed(self):
        """Remember a test notification that was answered with a page."""
        TestPush.objects.create(
            game=self.selling,
            sent_by=self.admin,
            sent_at=self.at,
            url="http://127.0.0.1:9/" + "deep/" * 40,
            body=PAYLOAD,
            signed_text="event&" + PAYLOAD,
            signature="a" * 64,
            status_code=502,
            answer="<html>" + "no " * 400,
            took_ms=12,
            verdict="http_status",
        )

    def crowd(self, count):
        """Add members who only fill the list."""
        people = User.objects.bulk_create(
            User(email=f"crowd{number}@example.com", name=f"{CHINESE}{number}")
            for number in range(count)
        )
        Membership.objects.bulk_create(
            Membership(team=self.team, user=person, role=TeamRole.DEVELOPER, joined_at=self.at)
            for person in people
        )

    def fill(self):
        """Add whatever else the pages may have to show."""
        self.deliver_to("http://127.0.0.1:9/" + "deep/" * 40)
        self.sell(25)
        self.odd = self.sell_oddly()
        self.odd_refund = self.refund_oddly()
        self.push_failed()
        rollup.sweep(at=timezone.now())
        self.pause()
        self.crowd(21)
        invitations.invite(
            team=self.team,
            email="somebody.with.a.long.name@a.long.domain.example",
            role=TeamRole.OPERATOR,
            by=self.admin,
            at=self.at,
        )
        game_grants.grant_on_game(
            game=self.selling,
            user=self.people["guest"],
            capability=Capability.ITEM_EDIT,
            by=self.admin,
            at=self.at,
        )
        factories.TeamFactory(name=LONG)
        self.remember()
        self.shelves = Shelves(self).fill()
        return self

    def remember(self):
        """Add events with much to tell."""
        config = self.selling.delivery_config
        before = {"url": config.url, "test_url": "", "is_enabled": True}
        after = {"url": "https://new.example.com/" + "deep" * 30, "test_url": "", "note": CHINESE}
        entries = [
            audit.Entry(
                event, by=self.admin, target=config, at=self.at,
                facts={"before": before, "after": after, "held": 3, "fingerprint": "ab:" * 32},
            )
            for event in [Event.DELIVERY_CONFIGURED] * 20 + [Event.NOTIFICATION_ENABLED] * 5
        ]  # fmt: skip
        with transaction.atomic():
            audit.record_many(entries)
