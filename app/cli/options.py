"""Flags that several commands share, so that they read the same everywhere."""

from enum import StrEnum
from typing import Annotated

import typer


class Output(StrEnum):
    """Forms of an answer."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


Files = Annotated[
    list[str],
    typer.Option("-f", "--filename", metavar="FILE...", help="Files, folders or - (stdin): YAML or JSON."),
]
Snapshot = Annotated[
    list[str] | None,
    typer.Option(metavar="PATH...", help="Answer from manifests instead of a cluster: files, folders, -."),
]
Server = Annotated[
    str | None, typer.Option(metavar="URL", help="Ask a running dra-extender, such as http://127.0.0.1:8888.")
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="The cluster; else $KUBECONFIG, the Pod's own account, ~/.kube/config."
    ),
]
Context = Annotated[str, typer.Option(metavar="NAME", help="The context of the kubeconfig.")]
Namespace = Annotated[
    str,
    typer.Option("-n", "--namespace", metavar="NAME", help="For objects that name none, and what to show."),
]
OutputFlag = Annotated[Output, typer.Option("-o", "--output", help="Form of the answer.")]
