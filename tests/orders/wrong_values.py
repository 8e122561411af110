"""What the documents do not allow (or allow nobody else to send): one list of values a field."""

from typing import Any

from tests.orders.callbacks import MISSING

NO_TEXT: list[Any] = [True, 1, 1.5, [], {}]
OUTER: list[Any] = [MISSING, None, *NO_TEXT, False, ["x"], {"x": 1}, ""]

_WRONG_TEXT: list[Any] = [MISSING, None, *NO_TEXT, "\x00", "\ud800", "x\x00", "\udfffx"]
_WRONG_NUMBER: list[Any] = [
    MISSING, None, True, [], {}, "", "1", "abc", "٣", "1_0", " 1", -1, 1.0, 1.5, 1e2,
    float("1e999"), 2**63, 10**27, 10**9 + 1,
]  # fmt: skip
_NUMBERS: dict[str, list[Any]] = {
    "OpenId": [*_WRONG_TEXT, "", " ", "\n", "x" * 129],
    "Env": [MISSING, None, "", True, False, [], {}, 1.0, 2, "2", "-1", "00", " 0", "prod", "\u0660", "\ud800"],
    "OutTradeNo": [
        *_WRONG_TEXT, "", " ", "x" * 65, " T1", "T1 ", "T1\n", "../", "'", '"', "<script>", "😀",
        "\u202e", "\u200b", "T\x01", "\u0663", "T.1", "\uff34\uff11",
    ],
}  # fmt: skip
PURCHASE: dict[str, list[Any]] = {
    **_NUMBERS,
    "GoodsInfo": [MISSING, None, "text", "{}", 1, True, [], [{}], {}],
    "ProductId": [*_WRONG_TEXT, "", "x" * 129],
    "ZoneId": [*_WRONG_TEXT, "x" * 129],
    "Attach": [*_WRONG_TEXT, "x" * 4097],
    "Quantity": [*_WRONG_NUMBER, 0],
    "OrigPrice": _WRONG_NUMBER,
    "ActualPrice": _WRONG_NUMBER,
    "OrderSource": [*_WRONG_NUMBER, 0, 4],
}
_WRONG_SECONDS: list[Any] = [*_WRONG_NUMBER[:-1], 1_735_776_000_000]
REFUND: dict[str, list[Any]] = {
    **_NUMBERS,
    "RefundNo": [*_WRONG_TEXT, "", " ", "x" * 65],
    "RefundAmount": [*_WRONG_NUMBER, 0],
    "RefundStatus": [*_WRONG_TEXT, "", "Succeeded", "succeeded ", "done", "\udfff"],
    "Reason": [*_WRONG_TEXT, "x" * 4097],
    "InitiatedAt": [*_WRONG_SECONDS, 0],
    "FinishedAt": [*_WRONG_SECONDS, 0],
}
