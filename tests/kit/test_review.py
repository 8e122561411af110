"""Requests: decided once, by somebody else, explained; and what the database has the last word on."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from items.models import ExemptionRequest, ReleaseRequest
from permissions.models import PaymentRequest
from sasvpay.kit.review import (
    AlreadyDecidedError,
    NoteRequiredError,
    OwnRequestError,
    RequestNotInForceError,
    ReviewRequest,
)
from tests.factories import (
    AT,
    ItemVersionFactory,
    MiniGameFactory,
    PaymentRequestFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(hours=1)


@pytest.fixture
def request_():
    return PaymentRequestFactory()


def _values(request):
    return {field.attname: getattr(request, field.attname) for field in request._meta.fields}


def test_close_keeps_who_when_and_why(request_, reviewer):
    request_.close("approved", by=reviewer, at=LATER, note="  fine  ")
    request_.save()

    stored = PaymentRequest.objects.get()
    assert (stored.status, stored.decided_by, stored.decided_at, stored.note) == (
        "approved",
        reviewer,
        LATER,
        "fine",
    )
    assert stored.is_in_force


@pytest.mark.parametrize("first", ["approved", "rejected"])
@pytest.mark.parametrize("second", ["approved", "rejected"])
def test_a_decided_request_is_never_decided_again(request_, reviewer, first, second):
    request_.close(first, by=reviewer, at=AT, note="first")
    before = _values(request_)

    with pytest.raises(AlreadyDecidedError) as refused:
        request_.close(second, by=UserFactory(), at=LATER, note="second")

    assert _values(request_) == before
    assert first in refused.value.message.lower()


@pytest.mark.parametrize("note", ["", "   ", "\n\t"])
def test_a_rejection_needs_a_note(request_, reviewer, note):
    request = PaymentRequest.locked(request_.pk)

    with pytest.raises(NoteRequiredError):
        request.close("rejected", by=reviewer, at=LATER, note=note)

    assert PaymentRequest.objects.get().status == "pending"
    assert PaymentRequest.objects.get().decided_at is None


@pytest.mark.parametrize("status", ["approved", "rejected"])
def test_nobody_decides_their_own_request(request_, status):
    before = _values(request_)

    with pytest.raises(OwnRequestError):
        request_.close(status, by=request_.requested_by, at=LATER, note="mine")

    assert _values(request_) == before


def test_end_keeps_who_when_and_why_beside_the_decision(request_, reviewer):
    other = UserFactory()
    request_.close("approved", by=reviewer, at=AT)
    request_.end(by=other, at=LATER, note=" fraud ")
    request_.save()

    stored = PaymentRequest.objects.get()
    assert (stored.decided_by, stored.decided_at) == (reviewer, AT)
    assert (stored.ended_by, stored.ended_at, stored.end_note) == (other, LATER, "fraud")
    assert stored.status == "approved"
    assert not stored.is_in_force


def test_only_what_is_in_force_can_be_ended(request_, reviewer):
    with pytest.raises(RequestNotInForceError):
        request_.end(by=reviewer, at=LATER, note="pending")
    request_.close("approved", by=reviewer, at=AT)
    request_.end(by=reviewer, at=LATER, note="once")
    with pytest.raises(RequestNotInForceError):
        request_.end(by=reviewer, at=LATER, note="twice")

    assert request_.end_note == "once"


def test_ending_needs_a_note_and_somebody_else(request_, reviewer):
    request_.close("approved", by=reviewer, at=AT)

    with pytest.raises(NoteRequiredError):
        request_.end(by=reviewer, at=LATER, note=" ")
    with pytest.raises(OwnRequestError):
        request_.end(by=request_.requested_by, at=LATER, note="mine")

    assert request_.is_in_force


def _refuse(model, name, **changes):
    """Expect the database itself, not the code, to refuse the change, by that constraint."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        model.objects.update(**changes)
    assert name in str(refused.value)


def _one_of(model):
    asked = {"message": "m", "requested_by": UserFactory(), "requested_at": AT}
    if model is ReleaseRequest:
        return model.objects.create(version=ItemVersionFactory(), **asked)
    return model.objects.create(game=MiniGameFactory(), **asked)


KINDS = [PaymentRequest, ExemptionRequest, ReleaseRequest]


@pytest.mark.parametrize("model", KINDS, ids=lambda model: model.__name__)
def test_the_database_wants_a_decision_exactly_when_not_pending(model, reviewer):
    row = _one_of(model)
    name = f"{model._meta.app_label}_{model._meta.model_name}_decided_when_not_pending"

    _refuse(model, name, status="approved", decided_by=reviewer)
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.update(decided_at=LATER)

    row.refresh_from_db()
    assert (row.status, row.decided_at) == ("pending", None)


@pytest.mark.parametrize("model", KINDS, ids=lambda model: model.__name__)
def test_the_database_wants_somebody_else_to_decide(model):
    row = _one_of(model)
    name = f"{model._meta.app_label}_{model._meta.model_name}_not_decided_by_its_requester"

    _refuse(model, name, status="approved", decided_at=LATER, decided_by=row.requested_by)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (PaymentRequest, "permissions_payment_decided_by_a_person"),
        (ExemptionRequest, "items_exemption_decided_by_a_person"),
        (ReleaseRequest, "items_release_decided_by_one"),
    ],
)
def test_the_database_wants_a_decision_to_be_somebodys(model, name):
    _one_of(model)

    _refuse(model, name, status="approved", decided_at=LATER)


@pytest.mark.parametrize("model", KINDS[:2], ids=lambda model: model.__name__)
@pytest.mark.parametrize(
    "left_out", ["ended_by", "ended_at", "end_note", "approved"], ids=lambda name: f"no_{name}"
)
def test_the_database_wants_an_end_to_be_whole(model, left_out, reviewer):
    _one_of(model)
    end = {"ended_by": reviewer, "ended_at": LATER, "end_note": "why"}
    end.pop(left_out, None)
    status = "rejected" if left_out == "approved" else "approved"
    name = f"{model._meta.app_label}_{model._meta.model_name}_ended_all_or_none"

    _refuse(model, name, status=status, decided_at=AT, decided_by=reviewer, **end)


@pytest.mark.parametrize("model", KINDS, ids=lambda model: model.__name__)
def test_the_database_allows_one_pending_request(model):
    row = _one_of(model)
    place = {"version": row.version} if model is ReleaseRequest else {"game": row.game}

    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.create(
            message="again", requested_by=UserFactory(), requested_at=LATER, **place
        )

    assert model.objects.get() == row


@pytest.mark.parametrize("model", KINDS[:2], ids=lambda model: model.__name__)
def test_the_database_allows_one_approval_in_force(model, reviewer):
    row = _one_of(model)
    row.close("approved", by=reviewer, at=AT)
    row.save()
    second = model(game=row.game, message="m", requested_by=UserFactory(), requested_at=AT)
    second.close("approved", by=reviewer, at=AT)

    with pytest.raises(IntegrityError), transaction.atomic():
        second.save()

    assert model.objects.get() == row


def test_locked_takes_the_row_lock_where_there_are_row_locks(request_, django_assert_num_queries):
    with django_assert_num_queries(1) as queries:
        found = PaymentRequest.locked(request_.pk)

    assert found == request_
    assert ("FOR UPDATE" in queries[0]["sql"]) == (connection.vendor == "postgresql")


def test_the_base_class_names_no_kind():
    assert ReviewRequest._meta.abstract
