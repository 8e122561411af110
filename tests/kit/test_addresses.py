from ipaddress import ip_address

import pytest

from sasvpay.kit import addresses, outbound

INNER = "Use a public host name"

INNER_FORMS = [
    "http://127.0.0.1/", "http://127.0.0.1", "http://127.1/", "http://127.0.1/", "http://127.255.0.9/",
    "http://2130706433/", "http://017700000001/", "http://0x7f000001/", "http://0x7f.1/",
    "http://0x7f.0x0.0x0.0x1/", "http://0177.0.0.1/", "http://127.0.0.01/", "http://127.0.0.0x1/",
    "http://127.0.0.1./", "http://0/", "http://0.0.0.0/", "http://0x/", "http://0.1.2.3/",
    "http://10.0.0.1/", "http://10.255.255.255/", "http://10.1/", "http://172.16.0.1/",
    "http://172.31.255.255/", "http://192.168.1.1/", "http://3232235777/", "http://0xc0a80101/",
    "http://169.254.169.254/", "http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/",
    "http://169.254.0.23/", "http://100.64.0.1/", "http://100.100.100.200/", "http://100.127.255.255/",
    "http://168.63.129.16/", "http://192.0.0.192/", "http://192.0.0.8/", "http://192.0.2.1/",
    "http://198.18.0.1/", "http://198.19.255.255/", "http://198.51.100.7/", "http://203.0.113.7/",
    "http://192.88.99.1/", "http://224.0.0.1/", "http://239.255.255.250/", "http://240.0.0.1/",
    "http://255.255.255.255/", "http://256.256.256.256/", "http://1.2.3.4.5/", "http://8.8.2056/",
    "http://134744072/", "http://010.8.8.8/", "http://[::1]/", "http://[::]/", "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::ffff:8.8.8.8]/",
    "http://[::ffff:0:127.0.0.1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::8.8.8.8]/", "http://[64:ff9b:1::1]/", "http://[2002:7f00:1::]/",
    "http://[2002:a00:1::1]/", "http://[2001::1]/", "http://[2001:db8::1]/", "http://[fe80::1]/",
    "http://[fec0::1]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/", "http://[ff02::1]/",
    "http://[100::1]/", "http://[3fff::1]/", "http://[5f00::1]/", "http://[::ffff:169.254.169.254]/",
    "http://[:::]/", "http://[1]/", "http://localhost/", "http://LOCALHOST/", "http://localhost./",
    "http://localhost.localdomain/", "http://a.localhost/", "http://intranet/", "http://db/",
    "http://metadata.google.internal/", "http://x.internal/", "http://printer.local/",
    "http://nas.home.arpa/", "http://home.arpa/", "http://router.lan/", "http://X.INTERNAL/",
    "http://x.internal./", "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
    "http://127\u30020\u30020\u30021/", "http://127\uff0e0\uff0e0\uff0e1/",
    "http://\u2460\u2461\u2466.0.0.1/", "http://\uff4cocalhost/", "https://127.0.0.1/", "https://[::1]/",
    "http://127.0.0.1:80/", "http://127.0.0.1:22/", "http://127.0.0.1?x", "http://127.0.0.1/?a=b",
]  # fmt: skip

OTHER_FORMS = [
    ("", "must start with"), ("game.example.com", "must start with"), ("//game.example.com/", "must start with"),
    ("ftp://game.example.com/", "must start with"), ("file:///etc/passwd", "must start with"),
    ("gopher://game.example.com/", "must start with"), ("javascript:alert(1)", "must start with"),
    ("unix:///var/run/x.sock", "must start with"), ("ws://game.example.com/", "must start with"),
    ("http:/game.example.com/", "must start with"), ("http:game.example.com", "must start with"),
    ("httpx://game.example.com/", "must start with"),
    ("http://", "valid host"), ("http:///x", "valid host"), ("http://:80/", "valid host"), ("http://?x", "valid host"),
    ("http://game..example.com/", "valid host"), ("http://.example.com/", "valid host"),
    ("http://game.example.com./", "valid host"), ("http://gäme.example.com/", "valid host"),
    ("http://%31%32%37.0.0.a/", "valid host"), ("http://" + "a" * 64 + ".com/", "valid host"),
    ("http://" + "a." * 127 + "com/", "valid host"), ("http://[fe80::1%25eth0]/", "valid host"),
    ("http://[::1/", "valid host"), ("http://::1/", "valid host"), ("http://game.example.com:/", "valid host"),
    ("http://game.example.com:x/", "valid host"), ("http://game.example.com:999999/", "valid host"),
    ("http://game.example.com:-1/", "valid host"), ("http://game.example.com,evil.example.com/", "valid host"),
    ("http://game.example.com:8080/", "usual port"), ("http://game.example.com:443/", "usual port"),
    ("https://game.example.com:80/", "usual port"), ("https://game.example.com:8443/", "usual port"),
    ("http://game.example.com:0/", "usual port"), ("http://game.example.com:22/", "usual port"),
    ("http://me@game.example.com/", "user name"), ("http://me:pw@game.example.com/", "user name"),
    ("http://game.example.com@127.0.0.1/", "user name"), ("http://@game.example.com/", "user name"),
    ("http://game.example.com/#x", "fragment"), ("http://game.example.com#@127.0.0.1/", "fragment"),
    ("http://game.example.com/\r\nX-A: b", "spaces"), ("http://game.example.com/\n", "spaces"),
    (" http://game.example.com/", "spaces"), ("http://game.example.com/ x", "spaces"),
    ("http://game.example.com/\t", "spaces"), ("http://game.example.com/\x00", "spaces"),
    ("http://game.example.com/\x7f", "spaces"), ("http://game.example.com/\u2028", "spaces"),
    ("http://game.example.com/\u3000", "spaces"), ("http://game.example.com\\@127.0.0.1/", "spaces"),
    ("http:\\\\game.example.com/", "spaces"), ("http://game.example.com/\u652f\u4ed8", "ASCII"),
    ("http://game.example.com/\u200b", "ASCII"), ("http://game.example.com/" + "a" * 5000, "2,000"),
]  # fmt: skip

PUBLIC_FORMS = [
    "http://game.example.com", "https://game.example.com/", "https://game.example.com:443/pay?a=b&c=%20",
    "http://game.example.com:80/notify", "HTTPS://Game.Example.Com/Pay", "http://8.8.8.8/", "https://1.1.1.1/x",
    "https://[2606:4700:4700::1111]/", "http://xn--fsq.example/", "http://my_game.example.com/~x/;y",
    "http://internal.example.com/", "http://127.0.0.1.example.com/", "http://172.32.0.1/", "http://100.128.0.1/",
    "http://game.example.com?x=http://127.0.0.1/@", "http://" + "a" * 63 + ".com/" + "b" * 1900,
]  # fmt: skip


@pytest.fixture
def closed(settings):
    """The rules of production."""
    settings.DELIVERY_ALLOW_PRIVATE = False


@pytest.fixture(autouse=True)
def _lifted(settings):
    settings.DELIVERY_ALLOW_PRIVATE = True


def test_the_tables_hold_eighty_forms_and_more():
    assert len(set(INNER_FORMS)) >= 80
    assert len(set(OTHER_FORMS)) >= 50


@pytest.mark.parametrize("url", INNER_FORMS)
def test_check_url_refuses_an_inner_address_with_one_sentence(closed, url):
    with pytest.raises(addresses.UnsafeUrlError, match=INNER) as refusal:
        addresses.check_url(url)

    assert refusal.value.status == 422


@pytest.mark.parametrize(("url", "sentence"), OTHER_FORMS)
def test_check_url_refuses_with_the_reason(closed, url, sentence):
    with pytest.raises(addresses.UnsafeUrlError, match=sentence):
        addresses.check_url(url)


@pytest.mark.parametrize("url", PUBLIC_FORMS)
def test_check_url_takes_a_public_one(closed, url):
    addresses.check_url(url)


@pytest.mark.parametrize("url", INNER_FORMS + [url for url, _ in OTHER_FORMS])
def test_post_refuses_at_send_what_was_refused_at_save(closed, url):
    answer = outbound.post_once(url, b"{}", {})

    assert answer.failure == outbound.Failure.REFUSED_ADDRESS
    assert answer.status is None
    assert answer.detail


@pytest.mark.parametrize(
    "url", ["http://localhost:9000/", "http://127.0.0.1:8/", "http://[::1]/", "http://receiver/"]
)
def test_development_lifts_the_address_and_port_rules(url):
    addresses.check_url(url)


@pytest.mark.parametrize(
    "url", ["http://2130706433/", "http://u@localhost/", "http://localhost/#x", "ftp://localhost/",
            "http://localhost:0/", "http://localhost:65536/", "http://localhost./"]
)  # fmt: skip
def test_development_lifts_no_other_rule(url):
    with pytest.raises(addresses.UnsafeUrlError):
        addresses.check_url(url)


@pytest.mark.parametrize("network", addresses.CLOSED)
def test_is_public_refuses_both_ends_of_each_closed_network(network):
    assert not addresses.is_public(network[0])
    assert not addresses.is_public(network[-1])


def test_is_public_takes_the_neighbours_of_closed_networks():
    neighbours = ["9.255.255.255", "11.0.0.0", "100.63.255.255", "126.255.255.255", "128.0.0.0",
                  "169.253.255.255", "168.63.129.15", "172.15.255.255", "223.255.255.255",
                  "2a00::1", "2001:200::1"]  # fmt: skip

    assert [n for n in neighbours if not addresses.is_public(ip_address(n))] == []
