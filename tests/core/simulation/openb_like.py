"""Lists in the form of the openb trace, made from a seed: so small that a policy runs in a second."""

from collections.abc import Iterator
from random import Random

from app.core.simulation.arrivals import Draw

NODES = (
    # how many, cpu, memory, GPUs, model
    (6, 96000, 393216, 8, "A"),
    (8, 104000, 524288, 2, "B"),
    (6, 16000, 122880, 2, "C"),
)
TASKS = (
    # weight, cpu, memory, GPUs, share
    (12, 3200, 5632, 1, 810),
    (30, 11300, 49152, 1, 1000),
    (10, 11900, 47104, 1, 470),
    (4, 8000, 30720, 1, 320),
    (3, 18700, 64512, 1, 1000),
    (4, 12500, 57344, 0, 0),
    (2, 64000, 262144, 8, 1000),
)


def draws(seed: int) -> Draw:
    """Random numbers, the same for the same seed."""
    return Random(seed).random  # noqa: S311 - no secret


def node_list() -> Iterator[str]:
    """The table of nodes, line by line."""
    yield "sn,cpu_milli,memory_mib,gpu,model\n"
    number = 0
    for count, cpu, memory, gpus, model in NODES:
        for _ in range(count):
            yield f"node-{number:03},{cpu},{memory},{gpus},{model}\n"
            number += 1


def task_list(seed: int, count: int = 120, *, times: bool = False, models: bool = False) -> Iterator[str]:
    """The table of tasks, line by line; a fifth of those with one GPU ask for a model if ``models``."""
    random = Random(seed)  # noqa: S311 - a list is no secret
    extra = (",gpu_spec" if models else "") + (",creation_time,deletion_time" if times else "")
    yield f"name,cpu_milli,memory_mib,num_gpu,gpu_milli{extra}\n"
    for number in range(count):
        (_, cpu, memory, gpus, share), *_ = random.choices(TASKS, [item[0] for item in TASKS])
        fields = [f"pod-{number:04}", cpu, memory, gpus, share]
        if models:
            fields.append(random.choice(("A", "B|C")) if gpus == 1 and random.random() < 0.2 else "")
        if times:
            start = random.randrange(1000)
            fields += [start, start + random.randrange(500)]
        yield ",".join(map(str, fields)) + "\n"
