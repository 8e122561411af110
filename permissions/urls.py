"""Addresses of teams, their people, and what the platform keeps."""

from django.urls import path

from permissions.views import enablement, invitations, people, platform, teams

app_name = "permissions"

member_routes = [
    path("teams/<int:team_id>/members", teams.member_list, name="member-list"),
    path("teams/<int:team_id>/members/invite", teams.member_invite, name="member-invite"),
    path("teams/<int:team_id>/members/<int:pk>/role", teams.member_role, name="member-role"),
    path("teams/<int:team_id>/members/<int:pk>/remove", teams.member_remove, name="member-remove"),
    path(
        "teams/<int:team_id>/invitations/<int:pk>/revoke",
        teams.invitation_revoke,
        name="invitation-revoke",
    ),
    path("teams/<int:team_id>/grants/add", teams.grant_add, name="grant-add"),
    path(
        "teams/<int:team_id>/grants/<int:pk>/withdraw", teams.grant_withdraw, name="grant-withdraw"
    ),
    path("invitations/<str:token>", invitations.invitation, name="invitation"),
]

platform_routes = [
    path("platform/teams", platform.team_list, name="team-list"),
    path("platform/teams/add", platform.team_add, name="team-add"),
    path("platform/teams/<int:team_id>", platform.team_detail, name="team-detail"),
    path("platform/teams/<int:team_id>/rename", platform.team_rename, name="team-rename"),
    path("platform/teams/<int:team_id>/merchant", platform.team_merchant, name="team-merchant"),
    path(
        "platform/teams/<int:team_id>/administrator",
        platform.team_administrator,
        name="team-administrator",
    ),
    path("platform/teams/<int:team_id>/games/add", platform.game_add, name="game-add"),
    path(
        "platform/teams/<int:team_id>/games/<int:pk>/rename",
        platform.game_rename,
        name="game-rename",
    ),
    path("platform/people", people.house_list, name="house-list"),
    path("platform/people/add", people.house_add, name="house-add"),
    path("platform/people/<int:pk>/role", people.house_role, name="house-role"),
]

payment_routes = [
    path("games/<slug:app_id>/payment/request", enablement.payment_request, name="payment-request"),
    path(
        "games/<slug:app_id>/payment/<int:request_id>/approve",
        enablement.payment_approve,
        name="payment-approve",
    ),
    path(
        "games/<slug:app_id>/payment/<int:request_id>/reject",
        enablement.payment_reject,
        name="payment-reject",
    ),
    path(
        "games/<slug:app_id>/payment/<int:request_id>/disable",
        enablement.payment_disable,
        name="payment-disable",
    ),
    path("games/<slug:app_id>/payment/key", enablement.callback_key, name="callback-key"),
    path(
        "games/<slug:app_id>/payment/key/<int:key_id>/show",
        enablement.callback_key_show,
        name="callback-key-show",
    ),
    path(
        "games/<slug:app_id>/payment/key/rotate",
        enablement.callback_key_rotate,
        name="callback-key-rotate",
    ),
]

urlpatterns = [*member_routes, *platform_routes, *payment_routes]
