"""The console in Chinese: pages, letters, placeholders, and what Babel makes of amounts and dates."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from babel.messages.pofile import read_po
from django.conf import settings
from django.template import Context, Template
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from permissions.matrix import HouseRole, TeamRole

CATALOGUE = Path(settings.LOCALE_PATHS[0]) / "zh_Hans/LC_MESSAGES/django.po"
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|(?<!%)%[sd]")
HAN = re.compile(r"[\u4e00-\u9fff]")
# What is the same in Chinese: names of protocols, fields and of the other language.
SAME = {
    "<strong>%(verdict)s.</strong> %(sentence)s",
    "URL",
    "OpenId",
    "Payload",
    "App ID",
    "app ID",
    "English",
}


def entries():
    with CATALOGUE.open("rb") as source:
        return [entry for entry in read_po(source, locale="zh_Hans") if entry.id]


def forms_of(entry):
    """Return the English form that names every placeholder, and all Chinese forms."""
    english = entry.id if isinstance(entry.id, str) else entry.id[-1]
    chinese = [entry.string] if isinstance(entry.string, str) else list(entry.string)
    return english, chinese


@pytest.fixture
def chinese(client):
    """A browser that asks for Chinese."""
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "zh-CN,zh;q=0.9"
    return client


def test_every_message_is_translated_and_sure():
    unsure = [entry.id for entry in entries() if entry.fuzzy or not all(forms_of(entry)[1])]

    assert len(entries()) > 700
    assert unsure == []


def test_every_translation_is_in_chinese():
    english = {forms_of(entry)[0] for entry in entries() if not HAN.search(forms_of(entry)[1][0])}

    assert english <= SAME


def test_placeholders_are_those_of_the_english_text():
    differing = [
        english
        for english, forms in map(forms_of, entries())
        for form in forms
        if sorted(PLACEHOLDER.findall(english)) != sorted(PLACEHOLDER.findall(form))
    ]

    assert differing == []


def test_chinese_has_one_plural_form():
    plurals = [entry for entry in entries() if isinstance(entry.id, tuple)]

    assert plurals
    assert {len(forms_of(entry)[1]) for entry in plurals} == {1}


@pytest.mark.django_db
def test_the_sign_in_page_is_chinese_for_a_chinese_browser(chinese):
    page = chinese.get(reverse("account_login")).content.decode()

    assert '<html lang="zh-hans"' in page
    for text in ("虚拟支付", "登录", "忘记密码", "使用通行密钥登录"):
        assert text in page
    assert "Sign in" not in page


@pytest.mark.django_db
def test_the_sign_in_page_switches_language(client):
    login = reverse("account_login")

    client.post(reverse("set_language"), {"language": "zh-hans", "next": login})

    assert "登录" in client.get(login).content.decode()


@pytest.mark.parametrize(
    ("route", "texts"),
    [
        ("payment", ("开通支付", "申请权限", "尚未提交申请", "小程序管理员")),
        ("orders:config", ("基础配置", "发货通知", "证书和发货密钥", "尚未配置 URL")),
        ("orders:order-list", ("订单记录", "近 7 天没有订单", "发货状态")),
    ],
)
def test_a_games_pages_are_chinese(route, texts, chinese, game, team_admin):
    chinese.force_login(team_admin)

    page = chinese.get(reverse(route, args=[game.app_id])).content.decode()

    for text in texts:
        assert text in page


def test_the_reviewers_queue_is_chinese(chinese, reviewer):
    chinese.force_login(reviewer)

    page = chinese.get(reverse("review-queue")).content.decode()

    assert "审核队列" in page
    assert "没有待审核的申请" in page
    assert "超级应用审核员" in page


def test_a_missing_page_is_chinese(chinese, db):
    response = chinese.get("/nowhere")

    assert response.status_code == 404
    assert "页面不存在" in response.content.decode()


def test_the_page_of_our_own_fault_is_chinese():
    with translation.override("zh-hans"):
        page = render_to_string("500.html")

    assert '<html lang="zh-hans">' in page
    assert "系统发生内部错误" in page


@pytest.mark.parametrize(
    ("role", "name"),
    [
        (HouseRole.SUPER_ADMIN, "超级管理员"),
        (HouseRole.PLATFORM_ADMIN, "平台管理员"),
        (TeamRole.TEAM_ADMIN, "小程序管理员"),
        (TeamRole.SENIOR_DEVELOPER, "高级开发者"),
        (TeamRole.DEVELOPER, "开发者"),
        (TeamRole.OPERATOR, "运营者"),
    ],
)
def test_roles_have_their_chinese_names(role, name):
    with translation.override("zh-hans"):
        assert str(role.label) == name


def test_an_invitation_letter_is_chinese():
    context = {"team": "星辰", "by": "Lin", "role": "运营者", "link": "L", "expires_at": None}

    with translation.override("zh-hans"):
        letter = render_to_string("permissions/mail/invitation.txt", context)

    assert letter.startswith("Subject: 邀请您加入 星辰\n")
    assert "Lin 邀请您加入团队“星辰”" in letter


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("en", "$1,234.50 4,118 2 hours ago"),
        ("zh-hans", "US$1,234.50 4,118 2小时前"),
    ],
)
def test_babel_formats_money_numbers_and_ages(language, shown, settings):
    settings.CURRENCY = "USD"
    at = timezone.now() - timedelta(hours=2, minutes=1)
    source = Template("{% load console %}{{ cents|money }} {{ count|number }} {{ at|ago }}")

    with translation.override(language):
        assert source.render(Context({"cents": 123450, "count": 4118, "at": at})) == shown


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_letters_about_an_account_say_when_and_in_which_zone(language):
    at = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

    with translation.override(language), timezone.override(ZoneInfo("Asia/Shanghai")):
        letters = [
            render_to_string(f"permissions/mail/{name}.txt", {"at": at, "expires_at": at})
            for name in ("security_news", "invitation")
        ]

    assert all("2026-11-20 09:30 UTC" in letter for letter in letters)
