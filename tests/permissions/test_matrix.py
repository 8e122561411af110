import csv
from pathlib import Path

import pytest
from django.core.management import call_command

from permissions import teams
from permissions.labels import GRANTABLE_CHOICES
from permissions.matrix import DEFAULTS, GRANTABLE, HOUSE_ONLY, Capability, Role, TeamRole
from permissions.models import TeamGrant
from tests.factories import MembershipFactory, TeamFactory, UserFactory

REQUIREMENT = {
    row.pop("capability"): row
    for row in csv.DictReader(
        (Path(__file__).parent / "matrix.csv").read_text(encoding="utf-8").splitlines()
    )
}
SIX = [role for role in Role if role != Role.REVIEWER]
# Decision 16: what the requirement leaves out, and who holds it.
OURS = {
    "payment.decide": {"reviewer"},
    "callback_key.rotate": {"reviewer"},
    "exemption.decide": {"reviewer"},
    "release.decide": {"reviewer"},
    "team.keep": {"super_admin", "platform_admin"},
    "house.keep": {"super_admin"},
    "member.view": {role.value for role in SIX},
    "member.change": {"team_admin"},
    "audit.view": {"super_admin", "platform_admin", "team_admin"},
    "audit.export": {"super_admin", "platform_admin", "team_admin"},
    "dashboard.view": {role.value for role in SIX},
}


def held_by(role):
    return {capability.value for capability in DEFAULTS[role]}


def stored_for(membership):
    return set(
        TeamGrant.objects.filter(user=membership.user, content_object=membership.team).values_list(
            "permission__codename", flat=True
        )
    )


@pytest.mark.parametrize("role", SIX)
@pytest.mark.parametrize("capability", REQUIREMENT)
def test_table_equals_the_requirement_in_each_cell(capability, role):
    cell = REQUIREMENT[capability][role.value]

    assert cell in {"yes", "read", "no"}
    assert (capability in held_by(role)) == (cell != "no")


@pytest.mark.parametrize("role", SIX)
def test_read_means_the_view_capability_and_no_other_of_its_area(role):
    for capability, row in REQUIREMENT.items():
        if row[role.value] == "read":
            area = capability.partition(".")[0]

            held = {name for name in held_by(role) if name.partition(".")[0] == area}

            assert capability == f"{area}.view"
            assert held == {capability}


def test_table_holds_nothing_beyond_the_requirement_and_what_is_ours():
    assert {capability.value for capability in Capability} == {*REQUIREMENT, *OURS}


@pytest.mark.parametrize("capability", OURS)
def test_what_is_ours_is_held_by_whom_we_decided(capability):
    assert {role.value for role in Role if capability in held_by(role)} == OURS[capability]


def test_the_reviewer_views_payment_exemption_and_items_only_and_decides():
    assert held_by(Role.REVIEWER) == {
        "payment.view",
        "exemption.view",
        "item.view",
        "payment.decide",
        "callback_key.rotate",
        "exemption.decide",
        "release.decide",
    }


def test_what_can_be_granted_on_a_game_is_never_the_houses_nor_about_the_team():
    assert not set(GRANTABLE) & HOUSE_ONLY
    assert not {c for c in GRANTABLE if c.startswith(("member.", "audit.", "team.", "house."))}
    assert [value for value, _label in GRANTABLE_CHOICES] == [c.value for c in GRANTABLE]


@pytest.mark.parametrize("role", TeamRole)
def test_stored_grants_equal_the_roles_column(db, role):
    membership = MembershipFactory(role=role)

    assert stored_for(membership) == {c.codename for c in DEFAULTS[Role(role.value)]}


def test_apply_defaults_takes_away_what_the_new_role_lacks(db):
    membership = MembershipFactory(role=TeamRole.TEAM_ADMIN)
    membership.role = TeamRole.OPERATOR

    changed = teams.apply_defaults(membership)

    assert changed == len(DEFAULTS[Role.TEAM_ADMIN] - DEFAULTS[Role.OPERATOR])
    assert stored_for(membership) == {c.codename for c in DEFAULTS[Role.OPERATOR]}
    assert teams.apply_defaults(membership) == 0


def test_sync_grants_repairs_what_is_missing_surplus_or_left_behind(db, capsys):
    poor = MembershipFactory(role=TeamRole.DEVELOPER)
    rich = MembershipFactory(role=TeamRole.OPERATOR)
    permissions = list(
        TeamGrant.objects.filter(user=poor.user).values_list("permission", flat=True)
    )
    TeamGrant.objects.filter(user=poor.user, permission=permissions[0]).delete()
    item_edit = TeamGrant.objects.get(user=poor.user, permission__codename="item_edit").permission
    TeamGrant.objects.create(user=rich.user, content_object=rich.team, permission=item_edit)
    TeamGrant.objects.create(user=UserFactory(), content_object=TeamFactory(), permission=item_edit)

    call_command("sync_grants")

    assert capsys.readouterr().out == "Grants changed: 3.\n"
    assert stored_for(poor) == {c.codename for c in DEFAULTS[Role.DEVELOPER]}
    assert stored_for(rich) == {c.codename for c in DEFAULTS[Role.OPERATOR]}
    assert set(TeamGrant.objects.values_list("user", flat=True)) == {poor.user_id, rich.user_id}
