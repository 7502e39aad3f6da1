"""No credential of cluster.conf is in an image, in whatever form: anybody may fetch an image by TFTP.

A secret is planted in every attribute that might have one, of every element of others, and the image is searched for
them: contents, names, compressed files, and encodings. The search is shown to find what is there.
"""

from __future__ import annotations

import base64
import bz2
import contextlib
import gzip
import lzma
import os
import re
import subprocess
import zlib
from collections.abc import Iterable, Iterator, Sequence

import pytest

from osr_boot import clusterconf
from tests import project
from tests.image import made
from tests.image.made import Made
from tests.image.unpack import members
from tests.lab.lab import cluster_conf

MARK = "9Qx7PlantedSecret"
"""how every secret begins; a number follows"""
# The first line is what fence agents take (source: lib/fencing.py of fence-agents), the others what else is common.
CREDENTIALS = (
    "login", "passwd", "passwd_script", "identity_file", "community", "snmp_priv_passwd", "snmp_priv_passwd_script",
    "user", "username", "userid", "password", "pass", "auth", "key", "key_file", "keyfile", "secret", "token",
    "snmp_auth_passwd", "session", "token_secret", "module_passwd", "ssh_options", "apikey", "vmpasswd",
)  # fmt: skip
NODE = "controlnode4711"
CONTROL = "etc/control-of-the-search"
REMARK = "nothing but this cluster.conf has these words"


class Plants:
    """A cluster.conf that secrets are planted in; each is another."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}
        """secret to where it stands"""

    def secret(self, place: str) -> str:
        secret = f"{MARK}{len(self.places):03}"
        self.places[secret] = place
        return secret

    def element(self, path: str, attributes: str = "", inside: str = "", *, known: tuple[str, ...] = ()) -> str:
        """Return an element with a secret in each attribute that might have one, and in a comment.

        `known` are attributes that are something else there, and not secret.
        """
        name = path.rpartition("/")[2]
        texts = "".join(f' {key}="{self.secret(f"{path}/@{key}")}"' for key in CREDENTIALS if key not in known)
        return f"<{name} {attributes}{texts}><!-- {self.secret(f'{path}/comment')} -->{inside}</{name}>"

    def conf(self) -> str:
        """Return the lab's cluster.conf with all of them."""
        agent = self.element("fencedevices/fencedevice", 'name="f" agent="fence_ipmilan" ipaddr="10.77.0.99"')
        resources = (
            self.element("rm/resources/oracledb", 'name="o"')
            + self.element("rm/resources/netfs", 'name="n"')
            + f"<script>{self.secret('rm/resources/script/text')}</script>"
        )
        everywhere = "".join(
            (
                self.element("fencedevices", inside=agent),
                self.element("fence_daemon", 'post_join_delay="3"'),
                self.element("fence_xvmd"),
                self.element("rm", inside=f"<resources>{resources}</resources>"),
                # corosync's token is a time
                self.element(
                    "totem", 'secauth="on"', self.element("totem/interface", 'ringnumber="0"'), known=("token",)
                ),
                self.element("quorumd", 'label="q"'),
                self.element("dlm"),
                self.element("uidgid"),
                self.element("logging"),
                self.element("cman", inside=self.element("cman/multicast")),
            )
        )
        device = self.element("fence/method/device", 'name="f"')
        fence = f'<fence><method name="1">{device}</method></fence>{self.element("unfence")}'
        server = self.element("fenceackserver", inside=self.element("fenceackserver/sshd")) + self.element("fenceacksv")
        conf = cluster_conf().replace('name="node2"', f'name="{NODE}"')
        conf = conf.replace("<clusternodes>", f"<!-- {REMARK} {self.secret('comment')} -->{everywhere}<clusternodes>")
        return conf.replace("</com_info>", f"{server}</com_info>{fence}")


PLANTS = Plants()
CONF = PLANTS.conf()

# --- the search


def forms(word: str) -> Iterator[bytes]:
    """Yield what a word is in a file: as it is, of two bytes a letter, in hexadecimal, within base64."""
    for encoded in (word.encode(), word.encode("utf-16-le"), word.encode("utf-16-be")):
        yield encoded
        yield encoded.hex().encode()
        yield encoded.hex().upper().encode()
        for before in range(3):
            # What stands before and behind it is unknown: only letters that are of its own bits alone are looked for.
            whole = base64.b64encode(bytes(before) + encoded + bytes(-(before + len(encoded)) % 3))
            yield whole[(before * 8 + 5) // 6 : (before + len(encoded)) * 8 // 6]


def expanded(content: bytes, depth: int = 3) -> Iterator[bytes]:
    """Yield a content, and what it is uncompressed as long as it is compressed."""
    yield content
    if depth:
        for inner in _uncompressed(content):
            yield from expanded(inner, depth - 1)


def _uncompressed(content: bytes) -> Iterator[bytes]:
    # What only begins like a compressed file is none.
    with contextlib.suppress(OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, subprocess.CalledProcessError):
        if content.startswith(b"\x1f\x8b"):
            yield gzip.decompress(content)
        elif content.startswith((b"\xfd7zXZ\0", b"\x5d\0\0")):
            yield lzma.decompress(content)
        elif content.startswith(b"BZh"):
            yield bz2.decompress(content)
        elif content.startswith(b"\x28\xb5\x2f\xfd"):
            yield subprocess.run(["zstd", "-dcq"], input=content, capture_output=True, check=True).stdout


Contents = Sequence[tuple[str, bytes]]
"""name of a file in an image to its name and content, one for each compression"""


def everything(files: Iterable[tuple[str, bytes]]) -> Contents:
    """Return all that there is to search in files, given by name and content."""
    return [(name, text) for name, content in files for text in (os.fsencode(name), *expanded(content))]


def found(contents: Contents, word: str) -> dict[str, bytes]:
    """Return the files that have a word in their name or content, and what stands there."""
    wanted = tuple(forms(word))
    return {
        name: text[place : place + 80] for name, text in contents for form in wanted if (place := text.find(form)) >= 0
    }


# --- the tests


@pytest.fixture(scope="module")
def image() -> Made:
    """The full-featured image of that cluster.conf; one file in it is compressed and has the node's name inside."""
    dracut = f'install_items+=" /{CONTROL} "\n'.encode()
    files = {CONTROL: gzip.compress(NODE.encode(), mtime=0), "etc/dracut.conf.d/50-control.conf": dracut}
    return made.look(project.build(made.tree(), project.FULL, cluster_conf=CONF, files=files))


@pytest.fixture(scope="module")
def contents(image: Made) -> Contents:
    # The archive itself, and not what it was unpacked to: a file may be in it twice.
    return everything((member.name, member.content) for member in members(image.file.read_bytes()))


def test_a_secret_is_planted_wherever_there_may_be_one() -> None:
    cluster, errors = clusterconf.parse(CONF.encode())
    assert [finding.message for finding in errors if finding.severity == "error"] == []
    assert [node.name for node in cluster.nodes] == ["node1", NODE]
    assert {*re.findall(rf"{MARK}\d\d\d", CONF)} == {*PLANTS.places}
    assert len(PLANTS.places) > 20 * len(CREDENTIALS)
    for path in ("fencedevices/fencedevice", "fence/method/device", "fenceackserver", "rm", "totem", "fence_daemon"):
        assert f"{path}/@passwd" in PLANTS.places.values()


def test_no_secret_is_in_the_image(contents: Contents) -> None:
    assert found(contents, MARK) == {}


def test_the_search_finds_what_is_in_the_image(contents: Contents) -> None:
    assert found(contents, NODE).keys() == {"etc/osr/cluster.json", CONTROL}


def test_cluster_conf_itself_is_not_in_the_image(image: Made, contents: Contents) -> None:
    assert [name for name in image.names() if name.startswith("/etc/cluster") or name.endswith("cluster.conf")] == []
    assert found(contents, REMARK) == {}


HIDDEN = {
    "plain": MARK.encode(),
    "UTF-16": MARK.encode("utf-16"),
    "UTF-16, big end first": MARK.encode("utf-16-be"),
    "hexadecimal": MARK.encode().hex().encode(),
    "base64": base64.b64encode(f"{MARK}003".encode()),
    "base64, one byte later": base64.b64encode(f"x{MARK}003".encode()),
    "base64, two bytes later": base64.b64encode(f"user:{MARK}003".encode()),
    "base64 of UTF-16": base64.b64encode(f"{MARK}003".encode("utf-16")),
    "gzip": gzip.compress(MARK.encode()),
    "xz": lzma.compress(MARK.encode()),
    "lzma": lzma.compress(MARK.encode(), format=lzma.FORMAT_ALONE),
    "bzip2": bz2.compress(MARK.encode()),
    "zstd": subprocess.run(["zstd", "-q"], input=MARK.encode(), capture_output=True, check=True).stdout,
    "xz in gzip, of base64": gzip.compress(lzma.compress(base64.b64encode(MARK.encode()))),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_the_search_finds_every_form(name: str) -> None:
    contents = everything([("a", b"x"), ("b", HIDDEN[name]), ("c", b"\x1f\x8b")])
    assert found(contents, MARK).keys() == {"b"}
    assert found(contents, MARK[::-1]) == {}


def test_the_search_finds_a_name() -> None:
    assert found(everything([(f"etc/{MARK}000", b"")]), MARK).keys() == {f"etc/{MARK}000"}
