"""A trace recorded from what a cluster shows is one that can be simulated."""

from app.core.json_object import JsonObject
from app.core.simulation.recorder import Recorder
from app.core.simulation.trace import read_trace
from tests.objects import allocation, claim, pod


def held(name: str, count: int = 1) -> JsonObject:
    return claim(name, count) | {"status": {"allocation": allocation("n", "d")}}


def test_a_pod_runs_from_its_devices_to_its_end() -> None:
    recorder = Recorder()
    recorder.see(100, [pod("a", "c"), claim("c"), pod("never", "w"), claim("w")])
    recorder.see(105, [pod("a", "c"), held("c"), pod("b", "e"), held("e", 4), pod("plain")])
    recorder.see(
        130, [pod("a", "c") | {"status": {"phase": "Succeeded"}}, held("c"), pod("b", "e"), held("e", 4)]
    )
    recorder.see(140, [pod("b", "e"), held("e", 4)])
    trace = read_trace(recorder.trace("t"), "t")
    assert {job.name: (job.at, job.seconds) for job in trace.jobs} == {
        "default/a": (0, 25),
        "default/b": (5, 35),
    }
    assert (trace.largest.size, len(trace.kinds)) == (4, 2)


def test_several_claims_of_a_pod_become_one() -> None:
    first, second = held("c"), held("e", 2)
    first["spec"]["devices"]["constraints"] = [{"matchAttribute": "example.com/numa"}]
    recorder = Recorder()
    recorder.see(0, [pod("a", "c", "e"), first, second])
    spec = read_trace(recorder.trace("t"), "t").largest.spec
    assert [request.name for request in spec.requests] == ["c0-r", "c1-r"]
    assert spec.constraints[0].requests == ("c0-r",)


def test_a_pod_that_comes_again_has_another_name() -> None:
    recorder = Recorder()
    for moment, uid in enumerate(("u1", "u2")):
        again = pod("a", "c")
        again["metadata"]["uid"] = uid
        recorder.see(moment, [again, held("c")])
    trace = read_trace(recorder.trace("t"), "t")
    assert [job.name for job in trace.jobs] == ["default/a", "default/a#2"]
