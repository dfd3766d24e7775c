"""The cache of compiled selectors is bounded in number and in bytes."""

from app.core.selectors import CelFeatures, SelectorCache


def test_the_least_recently_used_go_first_when_there_are_too_many() -> None:
    cache = SelectorCache(2)
    for number in (1, 2, 1, 3):
        cache.get(f"{number} > 0", CelFeatures())
    assert [selector.text for selector in cache] == ["1 > 0", "3 > 0"]


def test_large_selectors_push_others_out_before_their_number_does() -> None:
    cache = SelectorCache(1_000, max_bytes=1_000_000)
    for number in range(20):
        cache.get(f"'{'x' * 5_000}' != '{number}'", CelFeatures())
        assert cache.bytes <= 1_000_000
    assert 1 <= len(cache) < 5


def test_one_that_is_larger_than_all_room_is_kept_alone() -> None:
    cache = SelectorCache(10, max_bytes=10)
    first = cache.get("1 > 0", CelFeatures())
    assert cache.get("1 > 0", CelFeatures()) is first
    cache.get("2 > 0", CelFeatures())
    assert len(cache) == 1
