"""Addresses of sign-in, under the names that django-allauth asks for, and of one's own profile.

Listed one by one: what allauth has beyond these (such as further addresses) does not exist here.
"""

from typing import Final

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.usersessions import views as usersessions
from django.urls import path, re_path

from permissions.access import public, signed_in
from permissions.views import people

SIGNING_IN: Final = public("who signs in is not signed in yet")
FORGOTTEN: Final = public("who forgot the password cannot sign in")
OWN: Final = signed_in("everybody keeps their own password, second factors and sessions")

sign_in_routes = [
    path("account/login", SIGNING_IN(account.login), name="account_login"),
    path("account/logout", SIGNING_IN(account.logout), name="account_logout"),
    path(
        "account/signup",
        public("tells that accounts are made by invitation; allauth's letters link to it")(
            account.signup
        ),
        name="account_signup",
    ),
    path("account/inactive", SIGNING_IN(account.account_inactive), name="account_inactive"),
    path("account/reauthenticate", OWN(account.reauthenticate), name="account_reauthenticate"),
]

password_routes = [
    path("account/password", OWN(account.password_change), name="account_change_password"),
    path("account/password/set", OWN(account.password_set), name="account_set_password"),
    path(
        "account/password/reset", FORGOTTEN(account.password_reset), name="account_reset_password"
    ),
    path(
        "account/password/reset/sent",
        FORGOTTEN(account.password_reset_done),
        name="account_reset_password_done",
    ),
    path(
        "account/password/reset/done",
        FORGOTTEN(account.password_reset_from_key_done),
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^account/password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)$",
        FORGOTTEN(account.password_reset_from_key),
        name="account_reset_password_from_key",
    ),
]

second_factor_routes = [
    path("account/2fa", OWN(mfa.index), name="mfa_index"),
    path("account/2fa/required", people.second_factor_required, name="second_factor_required"),
    path("account/2fa/authenticate", SIGNING_IN(mfa.authenticate), name="mfa_authenticate"),
    path("account/2fa/reauthenticate", OWN(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("account/2fa/totp/activate", OWN(totp.activate_totp), name="mfa_activate_totp"),
    path("account/2fa/totp/deactivate", OWN(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path(
        "account/2fa/recovery-codes",
        OWN(recovery_codes.view_recovery_codes),
        name="mfa_view_recovery_codes",
    ),
    path(
        "account/2fa/recovery-codes/generate",
        OWN(recovery_codes.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path(
        "account/2fa/recovery-codes/download",
        OWN(recovery_codes.download_recovery_codes),
        name="mfa_download_recovery_codes",
    ),
]

passkey_routes = [
    path("account/2fa/passkeys", OWN(webauthn.list_webauthn), name="mfa_list_webauthn"),
    path("account/2fa/passkeys/add", OWN(webauthn.add_webauthn), name="mfa_add_webauthn"),
    path(
        "account/2fa/passkeys/<int:pk>/remove",
        OWN(webauthn.remove_webauthn),
        name="mfa_remove_webauthn",
    ),
    path(
        "account/2fa/passkeys/<int:pk>/edit", OWN(webauthn.edit_webauthn), name="mfa_edit_webauthn"
    ),
    path(
        "account/2fa/passkeys/reauthenticate",
        OWN(webauthn.reauthenticate_webauthn),
        name="mfa_reauthenticate_webauthn",
    ),
    path(
        "account/2fa/passkeys/login", SIGNING_IN(webauthn.login_webauthn), name="mfa_login_webauthn"
    ),
]

own_routes = [
    path("account/sessions", OWN(usersessions.list_usersessions), name="usersessions_list"),
    path("profile", people.profile, name="profile"),
    path("preferences", people.preferences, name="preferences"),
]

urlpatterns = [
    *sign_in_routes,
    *password_routes,
    *second_factor_routes,
    *passkey_routes,
    *own_routes,
]
