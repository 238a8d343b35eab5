"""The pages of real nodes in a real browser: what people click, what they see then, and how it looks."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from admin_browser import NARROW, WIDE, Browser, axe_source, browser, grave_violations

from sorcha_peer_core.cli.cluster import Cluster, wait_until

pytest.importorskip("selenium", reason="selenium is not installed (requirements-dev.txt)")

NAMES = ("anna", "ben", "clara", "dora", "emil")
ROOT = Path(__file__).resolve().parents[2]
TOO_LARGE_BYTES = 50_000
"""Of a payload that the first node takes and no other."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Five linked nodes with some transactions."""
    others = {"transaction_distribution": {"max_transaction_bytes": TOO_LARGE_BYTES - 1}}
    with Cluster(tmp_path_factory.mktemp("nodes"), len(NAMES), [{}] + [others] * (len(NAMES) - 1)) as cluster:
        for node, name in zip(cluster.nodes, NAMES, strict=True):
            node.name = name
        cluster.start()
        cluster.wait_until_linked(len(NAMES) - 1, 60)
        lines = (ROOT / "examples" / "transactions.jsonl").read_bytes().splitlines()[:40]
        for place, node in enumerate(cluster.nodes):
            node.client.submit_batch(lines[place :: len(NAMES)], content_type="application/json")
        cluster.wait_until_all_have(len(lines), 30)
        yield cluster


@pytest.fixture(scope="module")
def chromium():
    with browser() as window:
        yield window


@pytest.fixture
def window(chromium: Browser, cluster) -> Browser:
    """A window on the first node, logged in; what went wrong in it fails the test."""
    chromium.look_like(WIDE, "light")
    chromium.open(cluster.nodes[0], "/admin/")
    if "/admin/login" in chromium.driver.current_url:
        chromium.log_in(cluster.nodes[0])
    chromium.complaints()
    return chromium


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    return axe_source(tmp_path_factory.mktemp("axe"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Where pictures of the pages are kept."""
    folder = Path(os.environ.get("SORCHA_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pages_of(window: Browser) -> list[str]:
    """Where the navigation leads."""
    return [re.sub(r"^https?://[^/]+", "", link.get_attribute("href")) for link in window.find_all("nav.side a")]


def detail_pages(window: Browser, cluster) -> list[str]:
    """The pages about one peer and one transaction, and the forms."""
    tx_hash = sorted(cluster.nodes[1].hashes())[0]
    return [f"/admin/peers/{cluster.nodes[1].peer_id}", f"/admin/peers/{cluster.nodes[1].peer_id}/ban",
            f"/admin/transactions/{tx_hash}", "/admin/submit"]  # fmt: skip


TWO_LOOKS = ((WIDE, "light"), (NARROW, "dark"))
"""Both widths and both schemes, and not each with each: it takes its time."""


def looks() -> Sequence[tuple[int, str]]:
    """How pages are looked at; in all ways where somebody wants the pictures."""
    more = ((WIDE, "dark"), (NARROW, "light")) if os.environ.get("SORCHA_SCREENSHOTS") else ()
    return (*TWO_LOOKS, *more)


def name_of(path: str) -> str:
    """A file name for a page; ids are left out."""
    return re.sub(r"/[0-9a-f]{40,}", "/one", path).strip("/").replace("/", "-")


IDS_IN_SIGHT = """
const found = [];
const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode());) {
  if (/[0-9a-f]{40}/.test(node.data) && !node.parentElement.closest(".id-full, .whole-hash, pre, [hidden], dialog:not([open])")) {
    found.push(node.data.trim().slice(0, 90));
  }
}
return found;
"""
"""Texts with a whole id, outside of the places that are there to show it."""

OVERFLOW = """
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth <= width) return [];
const wide = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > width + 1);
return [`${document.documentElement.scrollWidth} > ${width}`, ...wide.slice(0, 5).map(e => e.outerHTML.slice(0, 160))];
"""


@pytest.mark.timeout(240)
def test_every_page_is_whole_legible_and_without_complaints(window, cluster, axe, pictures):
    node, problems = cluster.nodes[0], []
    dead_letter(node)
    for path in [*pages_of(window), *detail_pages(window, cluster), "/admin/no-such-page", "/admin/login"]:
        if path == "/admin/login":
            window.driver.delete_all_cookies()
        window.look_like(WIDE, "light")
        window.open(node, path)
        for width, scheme in looks():
            window.look_like(width, scheme)
            window.picture(pictures / f"{name_of(path)}-{width}-{scheme}.png")
            problems += [f"{path} at {width}: overflows: {found}" for found in [window.script(OVERFLOW)] if found]
            if (width, scheme) in TWO_LOOKS:
                problems += [f"{path} {scheme} at {width}: {found}" for found in grave_violations(window, axe)]
        problems += [f"{path}: a whole id in sight: {found}" for found in window.script(IDS_IN_SIGHT)]
        problems += [f"{path}: nothing on it"] if len(window.text().strip()) < 20 else []
        problems += [f"{path}: {said}" for said in window.complaints() if not expected(said, path)]

    assert problems == [], "\n".join(problems)


def expected(complaint: str, path: str) -> bool:
    """A page that does not exist is told as such, also to the console."""
    return "no-such-page" in path and "404" in complaint


def dead_letter(node) -> None:
    """A submission that all peers refuse, because they take no transactions of this size."""
    before = node.status()["queue"]["dead"]
    node.client.submit(os.urandom(TOO_LARGE_BYTES))
    wait_until(lambda: node.status()["queue"]["dead"] > before, 30, "a dead letter", 0.1)


def test_a_wrong_token_is_refused_and_the_right_one_leads_on(window, cluster):
    window.driver.delete_all_cookies()
    window.open(cluster.nodes[0], "/admin/peers?q=ben")
    window.find("#secret").send_keys("not the token")
    window.click("form.stack button")
    window.until_text("neither the token nor the password")
    window.find("#secret").send_keys((cluster.nodes[0].data_dir / "admin.token").read_text().strip())
    window.click("form.stack button")

    window.until(lambda: window.driver.current_url.endswith("/admin/peers?q=ben"), "the page that was wanted")


def test_the_peers_are_listed_by_name_with_their_latency(window, cluster):
    window.open(cluster.nodes[0], "/admin/peers")

    window.until(lambda: len(linked_rows(window)) == len(NAMES) - 1, "four linked peers")
    rows = linked_rows(window)
    assert {name for name in NAMES for row in rows if name in row} == set(NAMES[1:])
    assert all(re.search(r"\d\s?(ms|µs)", row) for row in rows)
    assert window.complaints() == []


OUTSIDE_OF_THE_PICTURE = """
const box = document.getElementById("topology");
return box._cyreg.cy.nodes().filter((node) => {
  const { x1, y1, x2, y2 } = node.renderedBoundingBox();
  return x1 < 0 || y1 < 0 || x2 > box.clientWidth || y2 > box.clientHeight;
}).map((node) => node.data("name"));
"""


@pytest.mark.parametrize("width", [WIDE, NARROW, 240])  # the last: a phone whose owner has enlarged the pages
def test_the_picture_of_a_few_peers_shows_them_all(window, cluster, width):
    window.look_like(width, "light")
    window.open(cluster.nodes[0], "/admin/topology")
    window.until(lambda: window.script("return document.getElementById('topology')?._cyreg?.cy != null"), "the picture")

    assert window.script("return document.getElementById('topology')._cyreg.cy.nodes().length") == len(NAMES)
    assert window.script(OUTSIDE_OF_THE_PICTURE) == []


def linked_rows(window: Browser) -> list[str]:
    return [row for row in rows_of(window) if "linked" in row]


def rows_of(window: Browser) -> list[str]:
    """What people read in each row of the page's table."""
    return window.script("return [...document.querySelectorAll('main tbody tr')].map(row => row.innerText)")


def test_what_is_submitted_on_a_page_arrives_on_another_nodes_page_with_its_trace(window, cluster):
    other = cluster.nodes[2]
    with browser() as second:
        second.log_in(other)
        second.open(other, "/admin/transactions")
        window.open(cluster.nodes[0], "/admin/submit")
        window.find("#text").send_keys("hello from a page")
        window.find("#register").send_keys("pages")
        window.click("form.submit button")
        tx_hash = window.script("return document.querySelector('.whole-hash code, .messages code, .messages a')?.title ?? ''")
        second.until_text("pages")
        second.click("main tbody tr:first-child a")
        second.until_text("hello from a page")

        assert tx_hash in second.driver.current_url
        assert "anna" in second.text()
        assert "stored" in second.text(".trace")
        assert second.complaints() == []
    assert window.complaints() == []


def test_a_ban_ends_the_link_on_the_page_and_lifting_it_brings_it_back(window, cluster):
    node, banned = cluster.nodes[0], cluster.nodes[4]
    window.open(node, f"/admin/peers/{banned.peer_id}/ban")
    window.find("#ban-reason").send_keys("only a test")
    window.click("main form button.danger")
    window.until_text("is banned for", ".messages")
    window.open(node, "/admin/peers")
    window.until(lambda: any("emil" in row and "banned" in row for row in rows_of(window)), "emil to be shown as banned")
    assert "only a test" in page_text(window, node, "/admin/security")
    wait_until(lambda: peer_status(node, banned) == "banned", 5, "the ban", 0.1)

    window.open(node, f"/admin/peers/{banned.peer_id}")
    window.click("form[action$='/unban'] > button")
    window.click("dialog[open] button[name=confirmed]")
    window.until_text("is lifted", ".messages")
    window.open(node, "/admin/peers")

    window.until(lambda: any("emil" in row and "linked" in row for row in rows_of(window)), "emil to be linked again", 60)
    assert window.complaints() == []


def peer_status(node, peer) -> str:
    return next(known["status"] for known in node.client.peers() if known["id"] == peer.peer_id)


def page_text(window: Browser, node, path: str) -> str:
    window.open(node, path)
    return window.text()


def test_a_dead_letter_is_retried_and_dropped_on_its_page(window, cluster):
    node = cluster.nodes[0]
    dead_letter(node)
    window.open(node, "/admin/dead-letters")
    before = len(rows_of(window))
    assert "bytes" in window.text("main tbody tr:last-child")

    window.click("main tbody tr:last-child form[action$='/retry'] > button")
    window.click("dialog[open] button[name=confirmed]")
    window.until_text("was offered again", ".messages")
    # Nobody takes it the second time either.
    wait_until(lambda: node.status()["queue"]["dead"] == before, 30, "it to be dead again", 0.1)
    window.open(node, "/admin/dead-letters")
    window.click("main tbody tr:last-child form[action$='/drop'] > button")
    window.click("dialog[open] button[name=confirmed]")

    window.until(lambda: node.status()["queue"]["dead"] == before - 1, "one dead letter less")
    assert window.complaints() == []


def test_a_node_that_dies_is_seen_on_the_overview_among_events_and_peers_while_they_are_looked_at(window, cluster):
    node, victim = cluster.nodes[0], cluster.nodes[3]
    with browser() as second:
        second.log_in(node)
        second.open(node, "/admin/")
        window.open(node, "/admin/events")
        victim.kill()
        try:
            window.until(lambda: any("dora" in row for row in rows_of(window)[:5]), "the event of the lost link")
            second.until(lambda: re.search(r"\b3\s+peers linked", second.text(".figures")), "one linked peer less")
            window.open(node, "/admin/peers")
            window.until(lambda: any("dora" in row and "linked" not in row for row in rows_of(window)), "dora to be lost")
        finally:
            victim.restart()
    window.until(lambda: any("dora" in row and "linked" in row for row in rows_of(window)), "dora to be back", 60)
    assert window.complaints() == []


def test_a_page_says_that_its_node_is_gone_and_goes_on_when_it_is_back(window, cluster):
    node = cluster.nodes[1]
    with browser() as second:
        second.log_in(node)
        second.open(node, "/admin/")
        node.kill()
        try:
            second.until_text("The node does not answer", "body", 15)
        finally:
            node.restart()
        second.until(lambda: "The node does not answer" not in second.text("body"), "the page to go on", 30)
