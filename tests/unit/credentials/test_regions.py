"""The table of regions, and what is recognised in it."""

from __future__ import annotations

import pytest

from wml_deployer.credentials._regions import (
    REGIONS,
    Region,
    find_region,
    is_cloud_host,
    nearest_region,
    resembles_cloud_host,
)


def test_the_table_has_the_hosts_of_the_clients() -> None:
    """Each public host is the one that IBM's clients know."""
    assert [region.url for region in REGIONS] == [
        "https://us-south.ml.cloud.ibm.com",
        "https://eu-de.ml.cloud.ibm.com",
        "https://eu-gb.ml.cloud.ibm.com",
        "https://jp-tok.ml.cloud.ibm.com",
        "https://au-syd.ml.cloud.ibm.com",
        "https://ca-tor.ml.cloud.ibm.com",
        "https://ap-south-1.aws.wxai.ibm.com",
        "https://us-east-1.aws.wxai.ibm.com",
        "https://wxai.ibmforusgov.com",
    ]


def test_names_are_unique() -> None:
    """No code, place or host means two regions."""
    names = [name for r in REGIONS for name in (r.name, r.place.casefold(), r.host, r.private_host)]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.name)
@pytest.mark.parametrize("form", ["{0.name}", "{0.place}", "{0.host}", "{0.url}/", "https://{0.private_host}"])
def test_a_region_is_found_by_any_of_its_names(region: Region, form: str) -> None:
    """Code, place, host and URL, public or private, and in capitals, mean the region."""
    assert [region, region] == [find_region(form.format(region)), find_region(form.format(region).upper())]


@pytest.mark.parametrize(
    "text", ["", "eu-dee", "https://cpd.example.com", "https://[", "https://eu-xx.ml.cloud.ibm.com"]
)
def test_what_is_no_region_is_not_found(text: str) -> None:
    """A slip of the pen is not silently mended."""
    assert find_region(text) is None


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: region.name)
@pytest.mark.parametrize("place", [0, 3, -1])
def test_a_slip_of_the_pen_is_nearest_to_what_was_meant(region: Region, place: int) -> None:
    """A letter lost from the code or the host still points to its region."""
    code, host = list(region.name), list(region.host)
    del code[place], host[place]

    assert [region, region] == [nearest_region("".join(code)), nearest_region(f"https://{''.join(host)}")]


@pytest.mark.parametrize(
    "url",
    ["https://api.dataplatform.cloud.ibm.com", "https://eu-xx.ml.cloud.ibm.com", "https://x.aws.wxai.ibm.com", "eu-de"],
)
def test_hosts_of_the_cloud_are_known_by_their_domain(url: str) -> None:
    """A host below IBM's domains is the cloud's, although no endpoint of the service."""
    assert is_cloud_host(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://cpd.example.com",
        "https://cpd-zen.apps.acme.us-south.containers.appdomain.cloud",
        "https://us-south.ml.cloud.ibm.com.example.com",
        "https://127.0.0.1:8443",
        "https://evil-ml.cloud.ibm.com.example.org",
    ],
)
def test_other_hosts_are_not_taken_for_the_cloud(url: str) -> None:
    """A Cloud Pak's host is its own, however much it sounds like the cloud."""
    assert [False, False] == [is_cloud_host(url), resembles_cloud_host(url)]


@pytest.mark.parametrize("url", ["https://eu-de.ml.cloud.imb.com", "https://us-south.ml.clod.ibm.com", "frankfort"])
def test_a_slip_of_the_pen_resembles_the_cloud(url: str) -> None:
    """A mistyped host or place is recognised as one of the cloud."""
    assert resembles_cloud_host(url)
