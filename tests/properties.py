"""What must hold for hostile input: no exception but osr's own, bounded time, nothing that a terminal obeys."""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from osr_boot import clusterconf, cmdline, compiled, explain, findings, identity, plan
from osr_boot.errors import ConfigError, IdentityError, NotYet, OsrError
from osr_boot.model import Cluster, Cmdline, Dmi, Facts, Finding, Node
from tests import hostile
from tests.unit.command import GOOD, osr

LIMIT = 3.0
"""seconds of processor time for an input of up to 1 MB: it is one where nothing else runs, others may run beside it,
and what grows with the square of a megabyte takes minutes"""


@dataclass(frozen=True)
class Property:
    """Something that must hold for everything that a strategy makes."""

    inputs: st.SearchStrategy[Any]
    holds: Callable[[Any], None]


def speakable(text: str) -> None:
    """See that a terminal bears a text of lines."""
    assert text.replace("\n", "").replace("\t", "").isprintable(), ascii(text)


@contextlib.contextmanager
def refused() -> Iterator[None]:
    """Let the block fail as osr fails: with what is wrong, and what to do."""
    failure = None
    try:
        yield
    except ConfigError as error:
        failure = error
    if failure:
        assert failure.message
        assert failure.hint
        assert len(failure.message) < 5000, "the message repeats the input"


def a_command_line_is_read_or_refused(text: str) -> None:
    with refused():
        read = cmdline.parse(text)
        assert read.nodeid is None or 0 < read.nodeid < 10**10
        assert 0 < read.timeout <= 7 * 86400
        assert set(read.breaks) <= set(cmdline.STAGES)
        for path in (read.cdsltree, read.cdsllink, read.cdslsharedtree):
            assert path.startswith("/")
            assert not {"", ".", ".."} & set(path[1:].split("/"))
            speakable(path)
        for warning in read.warnings:
            speakable(warning)


def findings_are_fit_to_be_printed(found: list[Finding]) -> None:
    for path in ("cluster.conf", "\x1b[2J\udcff\n"):
        text = findings.as_text(path, found)
        speakable(text)
        assert text.count("\n") == len(found) + sum(bool(finding.hint) for finding in found)
        document = findings.as_json(path, found)
        speakable(document)
        assert len(json.loads(document)["findings"]) == len(found)


def a_cluster_conf_is_read_or_explained(data: bytes) -> None:
    cluster, found = clusterconf.parse(data, source="cluster.conf")
    findings_are_fit_to_be_printed(list(found))
    assert [finding.line for finding in found] == sorted(max(1, finding.line) for finding in found)
    assert all(finding.message and finding.hint and finding.place for finding in found)
    if all(finding.severity == "warning" for finding in found):
        assert cluster.nodes
        _is_booted(cluster)


def _is_booted(cluster: Cluster) -> None:
    """See that every node of a cluster without errors finds itself, and gets a plan that can be written and shown."""
    text = compiled.dump(cluster)
    assert compiled.load(text) == cluster
    for node in islice(cluster.nodes, 50):
        some = compiled.select(text, macs=node.macs, nodeid=node.nodeid, name=node.name, dmi=node.dmi)
        words = Cmdline(nodeid=node.nodeid, node=node.name)
        assert identity.identify(words, Facts(), some).node == node
        for static in (False, True):
            made = plan.make(node, words, because="a test says so", static=static)
            _is_shown(made)
            for line in explain.plan_lines(made):
                speakable(line)


def _is_shown(made: plan.Plan) -> None:
    document = plan.dumps(made)
    speakable(document)
    assert plan.loads(document) == made
    assert list(explain.plan_lines(made))


def a_compiled_cluster_is_read_or_refused(text: str) -> None:
    for macs, nodeid, name in ((hostile.MACS, 1, "node1"), ((), None, ""), (hostile.MACS[:1], None, "x")):
        with refused():
            compiled.select(text, macs=macs, nodeid=nodeid, name=name, dmi=Dmi("x", "x", "x"))
    with refused():
        cluster = compiled.load(text)
        assert compiled.load(compiled.dump(cluster)) == cluster
        for node in cluster.nodes[:3]:
            with refused():
                _is_shown(plan.make(node, Cmdline(), because="a test says so"))


def a_plan_is_read_or_refused(text: str) -> None:
    with refused():
        _is_shown(plan.loads(text))
    for stage in plan.STAGES:
        with refused():
            plan.loads(text, stages=(stage,))


def osr_answers(words: tuple[str, str]) -> None:
    """See that `osr explain --facts` and `osr check` answer in words, whatever facts and command line say."""
    machine, text = words
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "facts.json"
        file.write_bytes(machine.encode("utf-8", "surrogatepass"))
        for more in ((), ("--json",)):
            said = osr("explain", GOOD, "--facts", str(file), f"--cmdline={text}", *more)
            assert said.status in (0, 2), said.err
            assert "a defect in osr" not in said.err
            speakable(said.out + said.err)


def nobody_is_guessed(values: tuple[Cmdline, Facts, Cluster]) -> None:
    """See that a node is chosen only with evidence, all of it for one node, and by a word against all hardware."""
    words, facts, cluster = values
    answer = _answer(words, facts, cluster)
    machine = [node for node in cluster.nodes if _is_seen(node, words, facts)]
    named = [node for node in cluster.nodes if _is_told(node, words)]
    told = words.nodeid is not None or bool(words.node)
    if isinstance(answer, Node):
        assert answer in (named if told else machine)
        assert (named if told else machine).count(answer) == len(named if told else machine)
    elif answer is NotYet:
        assert not told
        assert not machine
    else:
        assert told or machine
    # Neither the order of the links nor what the compiled file leaves out changes the answer.
    assert _answer(words, Facts(facts.nics[::-1], facts.dmi), cluster) == answer
    text = compiled.dump(cluster)
    macs = [words.bootif, *(link.mac for link in facts.nics)]
    some = compiled.select(text, macs=macs, nodeid=words.nodeid, name=words.node, dmi=facts.dmi)
    assert _answer(words, facts, some) == answer
    assert identity.unknown_machine(facts, cluster, bootif=words.bootif)


def _answer(words: Cmdline, facts: Facts, cluster: Cluster) -> Node | type[OsrError]:
    try:
        return identity.identify(words, facts, cluster).node
    except (IdentityError, NotYet) as error:
        return type(error)


def _is_told(node: Node, words: Cmdline) -> bool:
    return words.nodeid in (None, node.nodeid) and words.node in ("", node.name)


def _is_seen(node: Node, words: Cmdline, facts: Facts) -> bool:
    seen = {words.bootif, *(link.mac for link in facts.nics)} - {""}
    firmware = zip(vars(node.dmi).values(), vars(facts.dmi).values())
    return not seen.isdisjoint(node.macs) or any(wanted and wanted == here for wanted, here in firmware)


def a_person_gets_the_node_that_was_asked_for(values: tuple[str, Cluster]) -> None:
    word, cluster = values
    with refused():
        found = identity.by_word(word, cluster).node
        assert found in cluster.nodes
        assert word in (found.name, str(found.nodeid)) or int(word) == found.nodeid


PROPERTIES = {
    "kernel command line": Property(hostile.COMMAND_LINES, a_command_line_is_read_or_refused),
    "findings": Property(hostile.FINDINGS_MADE, findings_are_fit_to_be_printed),
    "cluster.conf": Property(hostile.CONFS, a_cluster_conf_is_read_or_explained),
    "good cluster.conf": Property(hostile.GOOD_CONFS, a_cluster_conf_is_read_or_explained),
    "compiled cluster": Property(hostile.COMPILED, a_compiled_cluster_is_read_or_refused),
    "plan": Property(hostile.PLANS, a_plan_is_read_or_refused),
    "facts": Property(st.tuples(hostile.MACHINES, hostile.COMMAND_LINES), osr_answers),
    "identity": Property(st.tuples(hostile.CMDLINES, hostile.FACTS, hostile.CLUSTERS), nobody_is_guessed),
    "node by word": Property(st.tuples(hostile.TEXT, hostile.CLUSTERS), a_person_gets_the_node_that_was_asked_for),
}


def examine(one: Property, examples: settings) -> None:
    """See that a property holds, and how long that takes, for as many examples as the settings say."""

    @examples
    @given(one.inputs)
    def holds_in_time(value: Any) -> None:
        seconds = processor_time(lambda: one.holds(value))
        assert seconds < LIMIT, f"took {seconds:.1f} s of processor time"

    holds_in_time()


def processor_time(call: Callable[[], object], *, tries: int = 3) -> float:
    """Return how long a call takes; more than one try where the first was slow, since others may run beside it."""
    best = float("inf")
    for _ in range(tries):
        begin = time.process_time()
        call()
        best = min(best, time.process_time() - begin)
        if best < LIMIT:
            break
    return best
