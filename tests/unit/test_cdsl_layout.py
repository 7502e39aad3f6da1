"""Where CDSLs lie, as the old tools and the documents have it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from osr_boot.cdsl.layout import (
    HOSTDEPENDENT,
    SHARED,
    Cdsl,
    Layout,
    children,
    data,
    detour,
    expanded,
    listed,
    owner,
    parent,
    places,
    target,
)

H, S = HOSTDEPENDENT, SHARED
LAYOUT = Layout()
VAR, LIB = Cdsl("var", H), Cdsl("var/lib", S)
FOO, BAR = Cdsl("var/lib/foo", H), Cdsl("var/lib/foo/bar", S)
NETWORK = Cdsl("etc/sysconfig/network", H)
ALL = (VAR, LIB, FOO, BAR, NETWORK)


@pytest.mark.parametrize(
    ("cdsl", "lies", "stands", "says"),
    [
        (VAR, "cluster/cdsl/1/var", ["var"], "cdsl.local/var"),
        (NETWORK, "cluster/cdsl/1/etc/sysconfig/network", ["etc/sysconfig/network"],
         "../../cdsl.local/etc/sysconfig/network"),
        (LIB, "cluster/shared/var/lib", ["cluster/cdsl/1/var/lib", "cluster/cdsl/2/var/lib"],
         "../../cluster/shared/var/lib"),
        (FOO, "cluster/cdsl/1/var/.cdsl.lib/foo", ["cluster/shared/var/lib/foo"],
         "../../../../cdsl.local/var/.cdsl.lib/foo"),
        (BAR, "cluster/shared/var/lib/.cdsl.foo/bar",
         ["cluster/cdsl/1/var/.cdsl.lib/foo/bar", "cluster/cdsl/2/var/.cdsl.lib/foo/bar"],
         "../../../../cluster/shared/var/lib/.cdsl.foo/bar"),
    ],
    ids=lambda value: value.path if isinstance(value, Cdsl) else "",
)  # fmt: skip
def test_where_it_lies_stands_and_what_its_links_say(cdsl: Cdsl, lies: str, stands: list[str], says: str) -> None:
    assert data(cdsl.path, cdsl.kind, "1", LAYOUT, ALL) == lies
    found = [place for _, place in places(cdsl.path, ("1", "2"), LAYOUT, ALL)]
    assert found == stands
    assert {target(place, cdsl.path, cdsl.kind, LAYOUT, ALL) for place in found} == {says}


def test_parents_and_children() -> None:
    assert parent("var/lib/foo/bar", ALL) == FOO
    assert parent("var/lib", ALL) == VAR
    assert parent("variable/lib", ALL) is None
    assert parent("var", ALL) is None
    assert children("var", ALL) == (LIB, FOO, BAR)
    assert children("var/lib", ALL) == (FOO, BAR)


def test_cdsls_are_sorted_and_found() -> None:
    known = listed((LIB, NETWORK, VAR))
    assert tuple(known) == (NETWORK, VAR, LIB)
    assert known == listed((VAR, LIB, NETWORK)) != listed((VAR, LIB))
    assert len({known, listed((NETWORK, VAR, LIB)), listed(())}) == 2
    assert listed(known) is known
    assert known.get("var/lib") == LIB
    assert [cdsl.path for cdsl in listed(ALL).above("var/lib/foo/bar/x")] == [
        "var/lib/foo/bar", "var/lib/foo", "var/lib", "var",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ("cluster/cdsl/1/var/log/x", (VAR, "1", "log/x")),
        ("cluster/cdsl/1/var", (VAR, "1", "")),
        ("cdsl.local/var/log", (VAR, "", "log")),
        ("cluster/shared/var/lib/x", (LIB, "", "x")),
        ("cluster/shared/var/lib/foo", (LIB, "", "foo")),
        ("cluster/cdsl/2/var/.cdsl.lib/foo/x", (FOO, "2", "x")),
        ("cluster/shared/var/lib/.cdsl.foo/bar", (BAR, "", "")),
        ("cluster/cdsl/1/var/.cdsl.log/x", (VAR, "1", ".cdsl.log/x")),
        ("cluster/cdsl/1/variable", None),
        ("cluster/cdsl/1", None),
        ("var/log", None),
    ],
)
def test_whose_data_a_place_is(place: str, found: tuple[Cdsl, str, str] | None) -> None:
    assert owner(place, LAYOUT, ALL) == found


def test_the_name_is_expanded_only_where_a_link_takes_it() -> None:
    assert expanded("var/lib/foo", H, LAYOUT, ALL) == "var/.cdsl.lib/foo"
    assert expanded("var/lib/foo", H, LAYOUT, (VAR,)) == "var/lib/foo"
    assert expanded("var/lib", S, LAYOUT, ALL) == "var/lib"


def test_other_names() -> None:
    layout = Layout(tree=".cluster/cdsl", shared=".cluster/shared", link=".cdsl.local", expand=".x")
    assert data("var/lib/foo", H, "a", layout, ALL) == ".cluster/cdsl/a/var/.x.lib/foo"
    assert target("var", "var", H, layout, ALL) == ".cdsl.local/var"
    assert target(".cluster/cdsl/1/var/lib", "var/lib", S, layout, ALL) == "../../.cluster/shared/var/lib"


@pytest.mark.parametrize(
    ("layout", "place", "says"),
    [
        (LAYOUT, "cluster/cdsl/cluster/shared", "../../../cluster/shared"),
        (Layout(tree="t", shared="s", link="l"), "t/s", "../s"),
        (Layout(tree="a/t", shared="s", link="b/l"), "a/s", "../s"),
        (Layout(tree="t", shared="s", link="b/l"), "", ""),
        (Layout(tree="t", shared="s", link="c/b/l"), "", ""),
    ],
)
def test_the_detour(layout: Layout, place: str, says: str) -> None:
    assert detour(layout) == (place, says)


@pytest.mark.parametrize("link", ["cdsl.local", "b/l"])
@pytest.mark.parametrize("tree", ["cluster/cdsl", "t"])
def test_links_in_a_nodes_tree_hold_from_both_places(tmp_path: Path, tree: str, link: str) -> None:
    """What the kernel makes of them, below any prefix: as seen through the link directory, and from where they lie."""
    layout = Layout(tree=tree, link=link)
    root = tmp_path / "deep/below"
    (root / "cluster/shared/var/lib").mkdir(parents=True)
    (root / "cluster/shared/var/lib/x").touch()
    (root / tree / "1/var").mkdir(parents=True)
    place, says = detour(layout)
    if place:
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).symlink_to(says)
    wanted = target(f"{tree}/1/var/lib", "var/lib", S, layout, ALL)
    (root / tree / "1/var/lib").symlink_to(wanted)
    assert (root / tree / "1/var/lib/x").exists()
    shutil.copytree(root / tree / "1", root / link, symlinks=True)  # as a bind mount would show it
    assert (root / link / "var/lib/x").exists()
