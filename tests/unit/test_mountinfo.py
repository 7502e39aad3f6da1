"""What is mounted where: lines as kernels write them, of disks and of NFS."""

from __future__ import annotations

from pathlib import Path

import pytest

from osr_boot import mountinfo
from osr_boot.cdsl import session
from osr_boot.cdsl.inventory import Inventory
from osr_boot.explain import status_lines

# Linux 6.1, a node of the lab: of NFS the fourth field is / whatever is bound.
NFS = """\
1 1 0:2 / / rw - rootfs rootfs rw
69 1 0:33 / / rw,relatime shared:1 - nfs4 10.77.0.1:/srv/root rw,vers=4.2
64 69 0:33 / /cdsl.local rw,relatime shared:2 - nfs4 10.77.0.1:/srv/root/cluster/cdsl/2 rw,vers=4.2
21 69 0:19 / /proc rw,nosuid,nodev,noexec,relatime shared:13 - proc proc rw
65 69 0:33 / /srv/with\\040blank rw - nfs4 10.77.0.1:/srv/root/cluster/cdsl/2/srv/with\\040blank rw
70 69 0:40 / /mnt rw - nfs4 10.77.0.1:/srv/root/other rw
"""
DISK = """\
30 1 254:0 /@ / rw,noatime - btrfs /dev/vda rw
31 30 254:0 /@/cluster/cdsl/2 /cdsl.local rw - btrfs /dev/vda rw
32 30 254:0 /@home /home rw - btrfs /dev/vda rw
a line - without sense
"""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (NFS, [("/cdsl.local", "/cluster/cdsl/2"), ("/srv/with blank", "/cluster/cdsl/2/srv/with blank")]),
        (DISK, [("/cdsl.local", "/cluster/cdsl/2")]),
        (NFS.replace("10.77.0.1:/srv/root/", "[fd00::1]:/").replace("10.77.0.1:/srv/root ", "[fd00::1]:/ "),
         [("/cdsl.local", "/cluster/cdsl/2"), ("/srv/with blank", "/cluster/cdsl/2/srv/with blank")]),
        ("", []),
    ],
)  # fmt: skip
def test_what_of_the_root_is_bound(text: str, wanted: list[tuple[str, str]]) -> None:
    assert list(mountinfo.bound(text)) == wanted


@pytest.mark.parametrize("text", [NFS, DISK])
def test_whose_tree_is_mounted(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mountinfo"
    file.write_text(text)
    monkeypatch.setattr(mountinfo, "PATH", str(file))
    assert session.mounted_node("/", Inventory(nodes=("1", "2"))) == "2"


def test_status_names_them() -> None:
    lines = list(status_lines({}, ("10.77.0.1:/srv/root", "nfs4", "rw"), "", tuple(mountinfo.bound(NFS))))
    assert "bound    /srv/with blank from /cluster/cdsl/2/srv/with blank" in lines
