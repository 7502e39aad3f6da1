"""The operation that compares the image's cluster.conf with the root's."""

from __future__ import annotations

from osr_boot.digest import digest
from osr_boot.errors import OsrError
from osr_boot.ops import Operation
from osr_boot.ops.mounts import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osr_boot.system import System

PATH = "/etc/cluster/cluster.conf"
_TAG = 4096
"""bytes in which the start tag of <cluster> is looked for: it is the first element"""


class CompareConfiguration(Operation):
    """Say whether the image is stale: whether the root's cluster.conf is another than the one it was made from."""

    root: str
    config_version: int
    size: int
    digest: str

    def describe(self) -> str:
        """See Operation."""
        return f"compare the image's cluster.conf (config_version {self.config_version}) with the root's"

    def execute(self, system: System) -> str:
        """See Operation. Whatever it finds, the boot goes on."""
        try:
            said = difference(system, resolve(system, self.root, PATH), self.config_version, self.size, self.digest)
        except (OSError, OsrError) as error:  # no reason not to boot
            said = f"the root's {PATH} cannot be read: {error}"
        if said:
            system.say(f"warning: {said}")
        return said or "the same"


def difference(system: System, path: str, config_version: int, size: int, was: str) -> str:
    """Return in words how a cluster.conf differs from the one that an image was made from; nothing if it does not."""
    now = system.size(path)
    if now < 0:
        return f"the root has no {PATH} to compare with: copy it there, with every change"
    if now == size and digest(system.content(path, size)) == was:
        return ""
    version = version_of(system.content(path, _TAG))
    if version == config_version:
        what = f"has the same config_version {version}, but another content"
    else:
        what = f"has config_version {version}, and the image was made from {config_version}"
    return f"the image is stale: the root's {PATH} {what}; make the image again"


def version_of(beginning: bytes) -> int:
    """Return the config_version in the beginning of a cluster.conf, 0 if it is not to be seen. Never raises."""
    while b"<!--" in beginning:
        before, _, rest = beginning.partition(b"<!--")
        beginning = before + rest.partition(b"-->")[2]
    tag = beginning.partition(b"<cluster")[2].partition(b">")[0]
    for quote in (b'"', b"'"):
        value = tag.partition(b"config_version=" + quote)[2].partition(quote)[0]
        if value.isdigit() and len(value) < 12:
            return int(value)
    return 0
