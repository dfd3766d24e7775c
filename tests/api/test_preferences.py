"""How much of a header a client can make the service read."""

from app.api.preferences import weights_in


def test_the_first_fifty_names_of_a_header_count() -> None:
    names = [f"text/x{number};q=0.5" for number in range(2_000)]
    found = weights_in([", ".join(names)])
    assert len(found) == 50
    assert found["text/x49"] == 0.5
    assert weights_in([*["a/b"] * 10, "gzip;q=0"]) == {"a/b": 1.0, "gzip": 0.0}


def test_the_first_parameters_of_a_name_count() -> None:
    assert weights_in(["gzip;level=1;q=0.2"]) == {"gzip": 0.2}
    assert weights_in(["gzip" + ";a=b" * 5_000 + ";q=0.2"]) == {"gzip": 1.0}
