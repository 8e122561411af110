"""What is told while something is being stored goes together; one's trouble stays one's own."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import OperationalError, connection, transaction

from orders import intake
from orders.intake import Outcome, Purchases
from orders.micro_batch import MicroBatch
from orders.models import Delivery, Order
from tests.factories import AT
from tests.orders.callbacks import purchase_of
from tests.orders.racing import at_once


class Storing:
    """Stores words in upper case; the first call waits until it is let go."""

    def __init__(self):
        self.calls = []
        self.began, self.may_end = threading.Event(), threading.Event()

    def __call__(self, words, *, at):
        self.calls.append(list(words))
        if len(self.calls) == 1:
            self.began.set()
            assert self.may_end.wait(10)
        if "away" in words:
            raise OperationalError("server closed the connection")
        if "bad" in words:
            raise ValueError("cannot be stored")
        return [word.upper() for word in words]


def meanwhile(*words, first="first"):
    """Tell words while another one is being stored; return the calls, and what each was answered."""
    storing = Storing()
    batch: MicroBatch[str, str] = MicroBatch(storing)

    def tell(word):
        try:
            return batch.store(word, at=AT)
        except Exception as problem:  # noqa: BLE001 -- what it raised is its answer
            return problem

    with ThreadPoolExecutor(len(words) + 1) as pool:
        answer = pool.submit(tell, first)
        assert storing.began.wait(10)
        others = [pool.submit(tell, word) for word in words]
        while len(batch._waiting) < len(words):
            assert not others[0].done()
        storing.may_end.set()
        answers = [each.result(10) for each in (answer, *others)]
    assert batch.store("later", at=AT) == "LATER"
    return storing.calls, answers


def test_one_alone_is_stored_at_once():
    storing = Storing()
    storing.may_end.set()

    assert MicroBatch[str, str](storing).store("one", at=AT) == "ONE"
    assert storing.calls == [["one"]]


def test_what_comes_meanwhile_is_stored_together_and_each_gets_its_own_answer():
    calls, answers = meanwhile("a", "b", "c")

    assert answers == ["FIRST", "A", "B", "C"]
    assert [sorted(words) for words in calls] == [["first"], ["a", "b", "c"], ["later"]]


def test_one_that_cannot_be_stored_is_no_trouble_of_the_others():
    _calls, (_first, fine, wrong, too) = meanwhile("a", "bad", "c")

    assert (fine, too) == ("A", "C")
    assert isinstance(wrong, ValueError)


def test_that_the_database_is_away_is_told_to_all_that_wait_by_then():
    calls, answers = meanwhile("a", "b", first="away")

    assert [type(each) for each in answers] == [OperationalError] * 3
    assert calls == [["away"], ["later"]], "nobody waits for the same again"


@pytest.mark.django_db(transaction=True)
def test_callbacks_at_once_make_one_order_each_however_they_go_together(paying):
    told = [purchase_of(paying, OutTradeNo=f"T{n % 15}") for n in range(30)]

    outcomes = at_once(*(partial(Purchases().store, [one], at=AT) for one in told))

    assert sorted(each.value for (each,) in outcomes) == ["equal"] * 15 + ["stored"] * 15
    assert Order.objects.count() == Delivery.objects.count() == 15


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_who_waits_leaves_its_connection_to_the_one_that_stores(paying):
    # This thread has one of them.
    rest = connection.settings_dict["OPTIONS"]["pool"]["max_size"] - 1
    told = [purchase_of(paying, OutTradeNo=f"T{n}") for n in range(rest + 1)]
    all_taken, is_over = threading.Barrier(rest + 1), threading.Event()

    def lead():
        all_taken.wait(10)
        stored = Purchases().store(told[:1], at=AT)
        is_over.set()
        return stored

    def wait(one):
        connection.ensure_connection()
        all_taken.wait(10)
        while not (intake._together._is_storing or is_over.is_set()):
            time.sleep(0.001)
        return Purchases().store([one], at=AT)

    outcomes = at_once(lead, *(partial(wait, one) for one in told[1:]))

    assert outcomes == [[Outcome.STORED]] * (rest + 1)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_within_a_transaction_a_purchase_neither_waits_for_others_nor_takes_them_along(paying):
    same, other = [purchase_of(paying, OutTradeNo=number) for number in ("SAME", "OTHER")]

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert Purchases().store([same], at=AT) == [Outcome.STORED]
            waiting = pool.submit(at_once, partial(Purchases().store, [same], at=AT))
            # For our commit, as the first of a batch.
            while not intake._together._is_storing:
                assert not waiting.done()
            assert Purchases().store([other], at=AT) == [Outcome.STORED]
        assert waiting.result() == [[Outcome.EQUAL]]
