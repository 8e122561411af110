"""What every answer tells browsers that they may not do."""

FORBIDDEN = ("'unsafe-inline'", "'unsafe-eval'", "*", "http:", "https:")
WANTED = {
    "default-src": {"'self'"},
    "frame-ancestors": {"'none'"},
    "object-src": {"'none'"},
    "base-uri": {"'none'"},
    "form-action": {"'self'"},
}
# A picture that somebody uploaded may do nothing at all.
PICTURE = "default-src 'none'; sandbox"


def assert_told(response):
    policy = response.headers["Content-Security-Policy"]
    parts = [part.split() for part in policy.split(";") if part.strip()]
    sources = {name: set(allowed) for name, *allowed in parts}
    if policy != PICTURE:
        assert {name: sources.get(name) for name in WANTED} == WANTED, policy
    assert not any(source in FORBIDDEN for allowed in sources.values() for source in allowed)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    for cookie in response.cookies.values():
        assert cookie["samesite"] == "Lax", cookie
        assert cookie["httponly"] or cookie.key != "sessionid", cookie
