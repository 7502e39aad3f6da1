"""DHCP: which client is called how, what of an answer is taken, and answers that nobody should take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from osr_boot import lease
from osr_boot.dry import Dry
from osr_boot.errors import CommandFailed, OsrError
from osr_boot.ops.dhcp import AskAddress, argv

ASK = AskAddress("eth0", 4, False, True)
GOOD = {"address": "10.0.0.11", "mask": "255.255.255.0", "routers": "10.0.0.1 10.0.0.2"}


def machine(answer: object = GOOD, *, client: str = "dhclient", family: int = 4, deadline: float = 30) -> Dry:
    files = {f"/usr/sbin/{client}": ""}
    if answer is not None:
        files[f"/run/osr/dhcp/eth0-{family}.json"] = answer if isinstance(answer, str) else json.dumps(answer)
    return Dry(files, deadline=deadline)


def test_an_answer_becomes_an_address_and_a_route() -> None:
    system = machine()
    assert ASK.execute(system) == "10.0.0.11/24, gateway 10.0.0.1"
    assert system.ran[0][:4] == ("dhclient", "-4", "-1", "-q")
    assert system.inputs[1] == "address replace 10.0.0.11/24 dev eth0\nroute replace default via 10.0.0.1 dev eth0\n"


@pytest.mark.parametrize(
    ("dns", "found"),
    [
        ("10.0.0.53", "nameserver 10.0.0.53\n"),
        ("10.0.0.1,10.0.0.2", "nameserver 10.0.0.1\nnameserver 10.0.0.2\n"),
        ("1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4", "nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\n"),
        ("$(reboot) 10.0.0.53\nsearch evil", "nameserver 10.0.0.53\n"),
    ],
)
def test_name_servers_are_left_for_the_system(dns: str, found: str) -> None:
    system = machine({**GOOD, "dns": dns})
    ASK.execute(system)
    assert system.files["/run/osr/resolv.conf"] == found
    servers = found.replace("nameserver ", "").split()
    assert system.files["/run/systemd/resolved.conf.d/50-osr.conf"] == f"[Resolve]\nDNS={' '.join(servers)}\n"


def test_nonsense_for_a_name_server_is_left_out() -> None:
    system = machine({**GOOD, "dns": "nonsense 300.1.1.1"})
    ASK.execute(system)
    assert "/run/osr/resolv.conf" not in system.files


def test_a_line_that_the_kernel_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    system = machine()
    run = system.run

    def refuse(words: tuple[str, ...], **more: str) -> str:
        if words[0] == "ip":
            said = "RTNETLINK answers: Invalid argument\nCommand failed -:1"
            raise CommandFailed("ip failed", status=1, output=said)
        return run(words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(system, "run", refuse)
    with pytest.raises(OsrError, match="ip address replace 10.0.0.11/24 dev eth0: RTNETLINK answers: Invalid argument"):
        ASK.execute(system)


def test_the_gateway_of_cluster_conf_stays() -> None:
    assert AskAddress("eth0", 4, True, True).execute(machine()) == "10.0.0.11/24"


def test_the_lease_is_kept_by_the_running_system_which_changes_nothing() -> None:
    system = machine()
    ASK.execute(system)
    unit = system.files["/run/systemd/system/osr-lease-eth0-4.service"]
    assert "-sf /bin/true eth0 -d\n" in unit
    assert " -1 " not in unit
    assert (
        "Wants=osr-lease-eth0-4"
        in system.files["/run/systemd/system/sysinit.target.d/50-osr-lease-eth0-4.service.conf"]
    )


def test_version_6() -> None:
    system = machine({"address6": "fd00::11"}, family=6)
    assert AskAddress("eth0", 6, False, True).execute(system) == "fd00::11/128"
    assert system.inputs[1] == "address replace fd00::11/128 dev eth0 nodad\n"


def test_a_client_in_the_background_is_ended() -> None:
    system = machine()
    system.files["/run/osr/dhcp/eth0-4.pid"] = "412\n"
    ASK.execute(system)
    assert system.ended == [412]


@pytest.mark.parametrize("client", ["dhclient", "dhcpcd", "udhcpc"])
def test_each_client_gets_our_script_and_no_other(client: str) -> None:
    words = argv(client, "eth0", 4, "/run/osr/dhcp/eth0-4")
    assert words[0] == client
    assert "/usr/lib/osr/lease" in words
    assert "eth0" in words


@pytest.mark.parametrize(
    "answer",
    [
        {"address": "10.0.0.11; reboot", "mask": "255.255.255.0"},
        {"address": "$(reboot)", "mask": "24"},
        {"address": "10.0.0.11\naddress add 10.9.9.9/8 dev eth0", "mask": "24"},
        {"address": "127.0.0.1", "mask": "255.0.0.0"},
        {"address": "10.0.0.11", "mask": "255.0.255.0"},
        {"address": "10.0.0.11"},
        {"address": ["10.0.0.11"]},
        {},
    ],
)
def test_a_hostile_answer_is_refused_and_nothing_is_done(answer: object) -> None:
    system = machine(answer)
    with pytest.raises(OsrError, match="the DHCP server offers the address") as caught:
        ASK.execute(system)
    assert "\n" not in str(caught.value)
    assert not any(words[0] == "ip" for words in system.ran)


@pytest.mark.parametrize("router", ["10.9.9.9", "10.0.0.11", "x; reboot", "10.0.0.1/8"])
def test_a_router_of_nonsense_is_left_out(router: str) -> None:
    assert ASK.execute(machine({**GOOD, "routers": router})) == "10.0.0.11/24"


def test_a_root_path_is_not_for_us() -> None:
    said = ASK.execute(machine({**GOOD, "root": "nfs:10.9.9.9:/evil"}))
    assert said == "10.0.0.11/24, gateway 10.0.0.1; a root path in the answer is not for us"


def test_nobody_answers() -> None:
    system = machine(None)
    system.answers = {"dhclient": CommandFailed("dhclient", status=2, output="No DHCPOFFERS received.")}
    with pytest.raises(OsrError, match="no address by DHCP on eth0 after .* attempts: No DHCPOFFERS received"):
        ASK.execute(system)
    assert system.clock < 30
    spare = AskAddress("eth0", 4, False, False)
    system.clock = 0
    assert spare.execute(system).startswith("none: no address by DHCP on eth0")


def test_an_image_without_client() -> None:
    with pytest.raises(OsrError, match="the image has no DHCP client") as caught:
        ASK.execute(Dry())
    assert "dhclient, dhcpcd, udhcpc" in caught.value.hint


# --- the script


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(lease, "DIRECTORY", str(tmp_path / "dhcp"))
    return tmp_path / "dhcp"


def test_the_script_writes_down_what_we_know_and_nothing_else(directory: Path) -> None:
    options = {f"new_option_{number}": "x" for number in range(10_000)}
    answer = {"reason": "BOUND", "interface": "eth0", "new_ip_address": "10.0.0.11", "new_host_name": "$(reboot)"}
    assert lease.main([], {**answer, **options, "new_routers": "r" * 100_000}) == 0
    written = json.loads((directory / "eth0-4.json").read_text())
    assert written == {"address": "10.0.0.11", "routers": "r" * 1000}


def test_udhcpc_says_it_in_its_own_way(directory: Path) -> None:
    lease.main(["bound"], {"interface": "eth0", "ip": "10.0.0.11", "subnet": "255.255.255.0", "router": "10.0.0.1"})
    assert json.loads((directory / "eth0-4.json").read_text())["mask"] == "255.255.255.0"


@pytest.mark.parametrize(
    "environment",
    [
        {"reason": "PREINIT", "interface": "eth0"},
        {"reason": "BOUND", "interface": "../../etc/passwd"},
        {"reason": "BOUND", "interface": ""},
        {"reason": "BOUND", "interface": "eth0\n"},
    ],
)
def test_the_script_writes_nothing(directory: Path, environment: dict[str, str]) -> None:
    assert lease.main([], environment) == 0
    assert not directory.exists()
