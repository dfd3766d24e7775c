"""What claims that come will ask for, as templates and claims show it."""

from app.core.model.resource_claim import ClaimSpec, DeviceRequest, RequestSpec
from app.core.pauses import on_pause
from app.core.state.request_mix import MAX_KIND_SIZE, MAX_KINDS, MAX_SIZE, RequestLog
from tests.pausing import Meter


def kind(number: int) -> ClaimSpec:
    return ClaimSpec(requests=(DeviceRequest("r", RequestSpec("r", f"class-{number}", count=number)),))


def shares(log: RequestLog, *templates: ClaimSpec) -> dict[int, float]:
    for template in templates:
        log.template(None, template)
    mix = log.mix()
    return {
        request.exactly.count: weight / mix.total
        for spec, weight in mix.kinds
        for request in spec.requests
        if request.exactly
    }


def test_nothing_is_known_at_first() -> None:
    assert RequestLog().mix().kinds == ()


def test_templates_count_before_anything_is_made_of_them() -> None:
    assert shares(RequestLog(), kind(1), kind(1), kind(2)) == {1: 2 / 3, 2: 1 / 3}


def test_claims_count_and_count_on_when_they_are_gone() -> None:
    log = RequestLog()
    for _ in range(30):
        log.come(kind(1))
    for _ in range(10):
        log.go(kind(1))
    for _ in range(10):
        log.come(kind(2))
    assert shares(log) == {1: 0.75, 2: 0.25}


def test_what_is_long_gone_is_forgotten() -> None:
    log = RequestLog()
    for _ in range(100):
        log.come(kind(1))
        log.go(kind(1))
    for _ in range(400):
        log.come(kind(2))
        log.go(kind(2))
    assert shares(log).keys() == {2}


def test_the_mix_stays_the_same_object_until_a_tenth_of_it_differs() -> None:
    log = RequestLog()
    for _ in range(200):
        log.come(kind(1))
    first = log.mix()
    for _ in range(20):
        log.come(kind(2))
    assert log.mix() is first
    for _ in range(60):
        log.come(kind(2))
    assert log.mix() is not first


def test_a_new_template_is_looked_at_when_it_matters() -> None:
    log = RequestLog()
    log.come(kind(1))
    first = log.mix()
    log.template(None, kind(2))
    assert log.mix() is not first


def test_only_the_most_frequent_kinds_are_in_the_mix() -> None:
    log = RequestLog()
    for number in range(1, 40):
        for _ in range(number):
            log.come(kind(number))
    found = shares(log)
    assert len(found) == MAX_KINDS
    assert min(found) == 40 - MAX_KINDS


def test_a_fork_counts_by_itself() -> None:
    log = RequestLog()
    log.come(kind(1))
    other = log.fork()
    for _ in range(50):
        other.come(kind(2))
    assert shares(log) == {1: 1.0}
    assert shares(other)[2] > 0.9


def test_classes_are_named_once() -> None:
    log = RequestLog()
    log.come(kind(1))
    log.come(kind(2))
    log.template(None, kind(1))
    assert sorted(log.mix().class_names) == ["class-1", "class-2"]


def test_thousands_of_templates_are_counted_with_pauses() -> None:
    log = RequestLog()
    for number in range(3_000):
        log.template(None, kind(number))
    meter = Meter()
    meter.measure(log.mix)
    assert meter.most < 5_000, meter.where


def test_a_template_that_changes_or_goes_no_longer_counts() -> None:
    log = RequestLog()
    log.template(None, kind(1))
    log.template(None, kind(2))
    log.template(kind(1), kind(3))
    log.template(kind(2), None)
    assert shares(log) == {3: 1.0}


def test_what_comes_while_two_count_is_not_lost() -> None:
    """Another filter counts in a pause, then a template comes: the first one has not seen it."""
    log = RequestLog()
    log.template(None, kind(1))
    log.mix()
    log.template(None, kind(2))
    pauses = 0

    def hook(_cost: int) -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 2:  # all is counted, and not compared yet
            log.mix()
            log.template(None, kind(3))

    with on_pause(hook):
        log.mix()
    assert pauses > 2
    assert shares(log).keys() == {1, 2, 3}


def large(number: int, characters: int = 100_000) -> ClaimSpec:
    text = f"device.driver == 'd{number}'".ljust(characters)
    return ClaimSpec(requests=(DeviceRequest("r", RequestSpec("r", "gpu", selectors=(text,))),))


def test_large_claims_that_come_and_go_without_end_are_forgotten() -> None:
    log = RequestLog()
    for number in range(1_000):
        log.come(kind(number))
    for number in range(500):
        spec = large(number)
        log.come(spec)
        log.go(spec)
    kept = sum(len(text or "") for spec in log._gone for text in spec.requests[0].exactly.selectors)  # type: ignore[union-attr] # of those made here
    assert kept <= MAX_SIZE
    assert log._gone, "the latest are kept"


def test_a_large_kind_that_comes_often_outlives_others_that_come_once() -> None:
    log, often = RequestLog(), large(1)
    for number in range(1_000):
        log.come(kind(number))
    for _ in range(100):
        log.come(often)
        log.go(often)
    for number in range(2, 200):
        spec = large(number)
        log.come(spec)
        log.go(spec)
    assert log._gone[often] > 10


def test_kinds_that_take_long_to_compile_are_not_in_the_mix() -> None:
    log = RequestLog()
    for _ in range(100):
        log.come(large(1, MAX_KIND_SIZE))
    assert shares(log, kind(2)) == {2: 1.0}
