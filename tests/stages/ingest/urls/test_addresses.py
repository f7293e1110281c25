from __future__ import annotations

import ipaddress

import pytest

from stages.ingest.urls.addresses import is_public, resolve
from stages.ingest.urls.problems import FetchProblem

REFUSED = (
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.2.1",
    "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::a00:1", "64:ff9b::7f00:1",
    "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::", "100::1", "192.0.0.192", "168.63.129.16",
    "64:ff9b:1::a00:1", "3fff::1", "::ffff:168.63.129.16",
)  # fmt: skip
PUBLIC = ("1.1.1.1", "93.184.216.34", "2606:4700::1111", "64:ff9b::101:101", "2002:101:101::1")


@pytest.mark.parametrize("text", REFUSED)
def test_addresses_that_are_not_public(text):
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses(text):
    assert is_public(ipaddress.ip_address(text))


def test_a_name_must_lead_to_public_addresses_only(names):
    names.update({"good.test": ["1.1.1.1"], "mixed.test": ["1.1.1.1", "10.0.0.1"]})
    assert resolve("good.test", 80) == "1.1.1.1"
    with pytest.raises(
        FetchProblem, match=r"mixed.test is at 10.0.0.1, which is not a public"
    ) as e:
        resolve("mixed.test", 80)
    assert e.value.code == "not_allowed" and not e.value.passing
    assert resolve("mixed.test", 80, ["10.0.0.0/8"]) == "1.1.1.1"


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "[::1]"])
def test_other_spellings_of_loopback_are_refused(host):
    with pytest.raises(FetchProblem) as found:
        resolve(host, 80)
    assert found.value.code in ("not_allowed", "not_fetched")


def test_unknown_names_are_not_tried_again(names):
    for host in ("nobody.test", "a" * 70 + ".test"):
        with pytest.raises(FetchProblem, match="cannot be resolved") as found:
            resolve(host, 80)
        assert found.value.code == "not_fetched" and not found.value.passing
