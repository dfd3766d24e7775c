"""Reading and comparing what Kubernetes' scheduler benchmark has measured."""

import upstream_perf

ITEMS = {
    "version": "v1",
    "dataItems": [
        {
            "data": {"Average": 62.5, "Perc50": 63},
            "unit": "pods/s",
            "labels": {"Metric": "SchedulingThroughput"},
        },
        {
            "data": {"Average": 9},
            "unit": "ms",
            "labels": {"Metric": "scheduler_plugin_execution_duration_seconds"},
        },
    ],
}


def test_the_rate_is_the_average_throughput() -> None:
    assert list(upstream_perf.throughputs(ITEMS)) == [62.5]


def test_ratios_are_taken_within_a_round() -> None:
    # The machine was half as fast in the second round.
    rates = {("W/a", "in-tree"): [100.0, 50.0, 80.0], ("W/a", "here"): [150.0, 100.0, 160.0]}
    in_tree, here = upstream_perf.rows(rates, "in-tree")
    assert (in_tree["pods_per_s"], in_tree["to_in_tree"]) == (80.0, 1.0)
    assert (here["pods_per_s"], here["to_in_tree"]) == (150.0, 2.0)
    assert "| a | here | 150 | 2.0x | 150, 100, 160 |" in upstream_perf.table([in_tree, here])
