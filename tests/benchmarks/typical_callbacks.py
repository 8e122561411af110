"""The peer of `take_callbacks`: the view that most would write, with serializers and the ORM.

    granian --interface wsgi tests.benchmarks.typical_callbacks:application

Its middleware is what `startproject` gives; database, pool and models are ours.
"""

import hashlib
import hmac
import json
import os
import uuid
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sasvpay.settings")
import django

django.setup()

from django.conf import settings  # noqa: E402 -- after the set-up
from django.core.handlers.wsgi import WSGIHandler  # noqa: E402 -- as above
from django.db import transaction  # noqa: E402 -- as above
from django.shortcuts import get_object_or_404  # noqa: E402 -- as above
from django.urls import path  # noqa: E402 -- as above
from django.utils import timezone  # noqa: E402 -- as above
from rest_framework import serializers  # noqa: E402 -- as above
from rest_framework.response import Response  # noqa: E402 -- as above
from rest_framework.views import APIView  # noqa: E402 -- as above

from orders.envelope import PURCHASE_EVENT  # noqa: E402 -- as above
from orders.models import Delivery, Order  # noqa: E402 -- as above
from permissions.models import CallbackKey, MiniGame  # noqa: E402 -- as above
from sasvpay.kit import crypto  # noqa: E402 -- as above


class GoodsSerializer(serializers.Serializer[Any]):
    ProductId = serializers.CharField(max_length=128)
    Quantity = serializers.IntegerField(min_value=1)
    ZoneId = serializers.CharField(max_length=128, allow_blank=True)
    OrigPrice = serializers.IntegerField(min_value=0)
    ActualPrice = serializers.IntegerField(min_value=0)
    Attach = serializers.CharField(max_length=4096, allow_blank=True)
    OrderSource = serializers.ChoiceField([1, 2, 3])


class PurchaseSerializer(serializers.Serializer[Any]):
    OpenId = serializers.CharField(max_length=128)
    Env = serializers.ChoiceField(["0", "1"])
    OutTradeNo = serializers.RegexField(r"\A[0-9A-Za-z_\-|*@]{1,64}\Z")
    GoodsInfo = GoodsSerializer()


class EnvelopeSerializer(serializers.Serializer[Any]):
    EventType = serializers.ChoiceField(["event"])
    Event = serializers.ChoiceField([PURCHASE_EVENT])
    PayModel = serializers.CharField(max_length=128)
    Payload = serializers.CharField(trim_whitespace=False)
    PayEventSig = serializers.CharField()


class Typical(APIView):
    """As most would write it: serializers, the ORM, a transaction."""

    permission_classes = ()

    def post(self, request, app_id):
        told = EnvelopeSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        game = get_object_or_404(MiniGame, app_id=app_id)
        key = CallbackKey.objects.filter(game=game, retires_at=None).latest("issued_at")
        text = f"{told.validated_data['Event']}&{told.validated_data['Payload']}"
        signature = hmac.new(
            crypto.decrypt(key.secret_encrypted).encode(), text.encode(), hashlib.sha256
        )
        assert hmac.compare_digest(signature.hexdigest(), told.validated_data["PayEventSig"])
        paid = PurchaseSerializer(data=json.loads(told.validated_data["Payload"]))
        paid.is_valid(raise_exception=True)
        order = store(game, told.validated_data, paid.validated_data)
        return Response(
            {"returnCode": "0", "returnMessage": "", "data": "OK", "requestId": order.request_id}
        )


@transaction.atomic
def store(game, told, paid):
    goods = paid["GoodsInfo"]
    order, is_new = Order.objects.get_or_create(
        game=game,
        env=paid["Env"],
        number=paid["OutTradeNo"],
        defaults={
            "open_id": paid["OpenId"],
            "product_id": goods["ProductId"],
            "quantity": goods["Quantity"],
            "zone_id": goods["ZoneId"],
            "orig_price_cents": goods["OrigPrice"],
            "actual_price_cents": goods["ActualPrice"],
            "attach": goods["Attach"],
            "order_source": goods["OrderSource"],
            "pay_model": told["PayModel"],
            "payload": told["Payload"],
            "request_id": str(uuid.uuid4()),
            "created_at": timezone.now(),
            "delivery_status": "waiting",
        },
    )
    if is_new:
        Delivery.objects.create(
            order=order, game=game, env=order.env, status="waiting", due_at=timezone.now()
        )
    return order


urlpatterns = [path("callback/<app_id>", Typical.as_view())]


settings.ROOT_URLCONF = __name__
settings.MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
application = WSGIHandler()
