"""Credentials from a plugin program (kubeconfig ``exec``, client.authentication.k8s.io)."""

import asyncio
import datetime as dt
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from app.cluster.auth.kubeconfig import Section

# Plugins that call a cloud are sometimes slow; one that waits for user input never ends.
_TIMEOUT_SECONDS = 60.0
_MAX_STDERR_CHARS = 500


@dataclass(frozen=True, slots=True)
class ExecCredential:
    """A plugin's response; ``expires_at`` is Unix time in seconds, None for "until refused"."""

    token: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    expires_at: float | None = None


async def run_exec_plugin(
    plugin: Section, cluster: Section, *, timeout_seconds: float = _TIMEOUT_SECONDS
) -> ExecCredential:
    """Starts the plugin and reads its ExecCredential.

    The kubernetes package is not suitable: it logs a failing plugin, continues without credentials, and
    waits forever for one that hangs.

    Raises: CredentialsError.
    """
    command = plugin.text("command")
    if not command:
        raise plugin.error("command", "not set")
    api_version = plugin.text("apiVersion")
    interactive = plugin.text("interactiveMode")
    terminal = interactive != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if interactive == "Always" and not terminal:
        raise plugin.error("interactiveMode", "the plugin requires a terminal, and there is none")
    environment = dict(os.environ)
    environment.update(_environment(plugin))
    environment["KUBERNETES_EXEC_INFO"] = orjson.dumps(
        _exec_info(plugin, cluster, api_version, interactive=terminal)
    ).decode()
    process = await _started(plugin, command, environment, terminal=terminal)
    out = await _output(plugin, command, process, timeout_seconds)
    return _parse(plugin, api_version, out)


async def _started(
    plugin: Section, command: str, environment: dict[str, str], *, terminal: bool
) -> asyncio.subprocess.Process:
    """Raises: CredentialsError."""
    # A relative path with a slash is relative to the kubeconfig; a bare name is looked up in PATH.
    program = str(plugin.file.parent / command) if "/" in command else command
    try:
        return await asyncio.create_subprocess_exec(
            program,
            *plugin.texts("args"),
            env=environment,
            stdin=None if terminal else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        hint = plugin.text("installHint")
        problem = f"cannot start {command!r}: {error.strerror}" + (f"; {hint}" if hint else "")
        raise plugin.error("command", problem) from error


async def _output(
    plugin: Section, command: str, process: asyncio.subprocess.Process, timeout_seconds: float
) -> bytes:
    """What the plugin prints; it is killed at the time limit. Raises: CredentialsError."""
    try:
        async with asyncio.timeout(timeout_seconds):
            out, err = await process.communicate()
    except TimeoutError as error:
        raise plugin.error("command", f"{command!r} timed out after {timeout_seconds:g} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        output = err.decode("utf-8", "replace").strip()[-_MAX_STDERR_CHARS:]
        problem = f"{command!r} failed with exit code {process.returncode}"
        raise plugin.error("command", f"{problem}: {output}" if output else problem)
    return out


def _environment(plugin: Section) -> dict[str, str]:
    variables = {}
    for index, entry in enumerate(plugin.items("env")):
        if not isinstance(entry, dict):
            raise plugin.error(f"env[{index}]", "must be a mapping with name and value")
        pair = Section(plugin.file, f"{plugin.at}.env[{index}]", entry)
        variables[pair.text("name")] = pair.text("value")
    return variables


def _exec_info(plugin: Section, cluster: Section, api_version: str, *, interactive: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.flag("provideClusterInfo"):
        names = ("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data")
        spec["cluster"] = {name: cluster.values[name] for name in names if name in cluster.values}
        for extension in cluster.items("extensions"):
            if isinstance(extension, dict) and extension.get("name") == "client.authentication.k8s.io/exec":
                spec["cluster"]["config"] = extension.get("extension")
    return {"apiVersion": api_version, "kind": "ExecCredential", "spec": spec}


def _parse(plugin: Section, api_version: str, answer: bytes) -> ExecCredential:
    """The output contains secrets: no message quotes it."""
    try:
        parsed = orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise plugin.error("command", "the plugin's output is not valid JSON") from None
    if not isinstance(parsed, dict) or parsed.get("kind") != "ExecCredential":
        raise plugin.error("command", "the plugin's output is not an ExecCredential")
    if parsed.get("apiVersion") != api_version:
        problem = f"the plugin's output is in {parsed.get('apiVersion')!r}, not in {api_version!r}"
        raise plugin.error("apiVersion", problem)
    status = Section(Path(plugin.text("command")), "status", parsed.get("status") or {})
    certificate, key = status.text("clientCertificateData"), status.text("clientKeyData")
    token = status.text("token")
    if bool(certificate) != bool(key) or not (token or certificate):
        raise plugin.error("command", "the plugin returned neither a token nor a certificate with its key")
    return ExecCredential(token, certificate, key, _expiry(plugin, status.text("expirationTimestamp")))


def _expiry(plugin: Section, text: str) -> float | None:
    if not text:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        problem = f"the plugin's expirationTimestamp {text!r} is not an RFC 3339 time"
        raise plugin.error("command", problem) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return moment.timestamp()
