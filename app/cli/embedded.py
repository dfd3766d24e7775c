"""Runs the service in this process for one command: with manifests, or with a cluster read once."""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from fastapi import FastAPI

from app.cli.problems import InputError
from app.cli.source import Source
from app.main import create_app
from app.manifests.reader import ManifestError
from app.settings.settings import Settings


@asynccontextmanager
async def embedded_app(source: Source) -> AsyncGenerator[FastAPI, None]:
    """An application with the source's inventory. It writes nothing and opens no port.

    Raises: InputError, UnreachableError.
    """
    with tempfile.TemporaryDirectory(prefix="dra-extender-") as folder:
        paths = source.snapshot
        if not paths:
            file = Path(folder) / "cluster.json"
            from app.cli.cluster_objects import cluster_inventory  # noqa: PLC0415 - a snapshot needs no cluster

            found = await cluster_inventory(source)
            if not any(item.get("kind") == "Node" for item in found.objects):
                raise InputError("the cluster has no nodes", "Pods need at least one")
            file.write_bytes(orjson.dumps(found.document()))
            paths = (str(file),)
        try:
            application = create_app(Settings(snapshot=paths), stays=False)
            async with application.router.lifespan_context(application):
                yield application
        except ManifestError as error:
            raise InputError(str(error)) from None
