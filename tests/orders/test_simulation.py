"""What the simulator sends, and how it counts."""

import json

import pytest

from orders import envelope
from orders.simulated_refunds import STORIES, Refunding, Refunds
from orders.simulation import Answered, Purchase, Scenario, Superapp, Tally, Ware, _code_of
from orders.simulation_report import Counts


def test_a_scenario_spreads_its_shares():
    scenario = Scenario(
        url="", key="", wares=[], prefix="P", count=100, duplicates=0.2, wrong_signatures=0.1
    )

    purchases = list(scenario.purchases())

    assert len({purchase.number for purchase in purchases}) == 100
    assert sum(purchase.copies == 2 for purchase in purchases) == 20
    assert sum(purchase.is_forged for purchase in purchases) == 10


def test_a_number_always_has_the_same_content():
    scenario = Scenario(url="", key="k", wares=[Ware("a", 1), Ware("b", 2)], prefix="P")
    purchase = Purchase(number="P1", is_forged=False, copies=1)

    bodies = {Superapp(scenario)._body(purchase) for _time in range(3)}

    assert len(bodies) == 1
    told = envelope.parse_envelope(bodies.pop())
    assert envelope.verify("k", told)
    assert envelope.parse_purchase(told.payload).out_trade_no == "P1"


@pytest.mark.parametrize(
    ("answered", "is_final"),
    [((200, "0"), True), ((401, "40101"), True), ((409, "40901"), True), ((429, "42901"), False),
     ((500, "50001"), False), ((503, "50301"), False), ((0, "ServerDisconnectedError"), False)],
)  # fmt: skip
def test_a_superapp_repeats_what_may_not_have_been_stored(answered, is_final):
    assert Answered(*answered).is_final == is_final


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"returnCode":"0","returnMessage":"","data":"OK","requestId":"1"}', "0"),
        (b'{"returnCode":"40101","returnMessage":"","data":"","requestId":"1"}', "40101"),
        (
            b'{"returnCode":"0","returnMessage":"","data":"","requestId":"1"}',
            "code and data disagree",
        ),
        (b'{"returnCode":0,"returnMessage":"","data":"OK","requestId":"1"}', "not four strings"),
        (b'{"returnCode":"0"}', "not the envelope"),
        (b"[]", "not the envelope"),
        (b"<html>", "not JSON"),
    ],
)
def test_an_answer_has_to_be_the_envelope(content, code):
    assert _code_of(content) == code


def test_quantiles_of_answers():
    assert Tally().quantile_ms(0.99) == 0
    assert Tally(latencies_ms=[4, 1, 3, 2]).quantile_ms(0.5) == 3


def test_counts_name_what_is_lost_and_what_is_extra():
    counts = Counts(
        answered={"1", "2"}, stored={"1", "2", "3"}, delivered={"1"}, received={"1": 2, "2": 1}
    )

    assert counts.differences() == [
        "1 not answered with success but in the database: 3",
        "1 answered with success but not delivered: 2",
    ]
    assert not counts.is_settled


def test_counts_name_orders_of_which_another_sum_was_refunded():
    counts = Counts(answered=set(), told_refunded={"1": 50, "2": 60}, refunded={"1": 50, "2": 110})

    assert counts.differences() == [
        "1 answered with success but not refunded: 2 by 60",
        "1 not answered with success but refunded: 2 by 110",
    ]
    assert not counts.is_settled


def test_every_refund_that_is_made_up_is_one():
    purchase = {"OpenId": "o", "Env": "0", "OutTradeNo": "T1", "GoodsInfo": {"ActualPrice": 101}}
    for turn in range(len(STORIES)):
        refunding = Refunds(began=1_735_776_000).of(purchase, turn)
        told = [*refunding.before, *refunding.after]

        assert told
        assert all(envelope.parse_refund(json.dumps(one)).refund_amount > 0 for one in told)
        assert refunding.refunded_cents <= 101


def test_a_purchase_that_cost_nothing_is_not_refunded():
    purchase = {"GoodsInfo": {"ActualPrice": 1}}

    assert Refunds(began=1).of(purchase, 0) == Refunding()
