"""Which Pods wait for a node and name a claim: the same after any changes as when counted from scratch."""

from hypothesis import given
from hypothesis import strategies as st

from app.core.model.parse import parse
from app.core.model.pod import Pod
from app.core.state.pending_users import PendingUsers
from tests.objects import pod

CHANGES = {
    "waits": {},
    "runs": {"spec": {"nodeName": "n"}},
    "is done": {"status": {"phase": "Failed"}},
    "is gated": {"spec": {"schedulingGates": [{"name": "quota"}]}},
    "is being deleted": {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
}


def made(name: str, change: str, claims: tuple[str, ...]) -> Pod:
    raw = pod(name, *claims, templates=("t",))
    for part, more in CHANGES[change].items():
        raw[part] = raw.get(part, {}) | more
    item = parse(raw)
    assert isinstance(item, Pod)
    return item


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from(["gone", *CHANGES]),
            st.lists(st.sampled_from("xy"), max_size=2, unique=True),
        ),
        max_size=12,
    )
)
def test_only_those_that_can_be_scheduled_are_known(steps: list[tuple[str, str, list[str]]]) -> None:
    users, expected = PendingUsers(), dict[str, list[str]]()
    for name, change, claims in steps:
        if change == "gone":
            users.drop(("default", name))
        else:
            users.put(made(name, change, tuple(claims)))
        expected[name] = claims if change == "waits" else []
    for claim in "xy":
        found = {name for _, name in users.of(("default", claim))}
        assert found == {name for name, claims in expected.items() if claim in claims}
    assert users.of(("other", "x")) == ()
