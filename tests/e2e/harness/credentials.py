"""Who may talk to the API server: tokens, and the key that signs service account tokens."""

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path

import yaml

# DER of an EC private key on P-256 (RFC 5915) around its 32 bytes; readers compute the public point.
_EC_KEY_HEAD = bytes.fromhex("30310201010420")
_EC_KEY_TAIL = bytes.fromhex("a00a06082a8648ce3d030107")


def write_signing_key(path: Path) -> None:
    """A new P-256 key as PEM, made here so that the tests need neither openssl nor a package for it."""
    # The first byte is kept below 0x80, so the number is below the order of the curve, as it must be.
    number = bytes([secrets.randbelow(127) + 1]) + secrets.token_bytes(31)
    der = base64.b64encode(_EC_KEY_HEAD + number + _EC_KEY_TAIL).decode()
    path.write_text(f"-----BEGIN EC PRIVATE KEY-----\n{der}\n-----END EC PRIVATE KEY-----\n")


class Users:
    """Users of the API server by static token. Rights come from RBAC, not from here."""

    def __init__(self, groups: Mapping[str, tuple[str, ...]]) -> None:
        """`groups`: user name -> the groups the user is in."""
        self._groups = groups
        self._tokens = {name: secrets.token_hex(16) for name in groups}

    def token(self, user: str) -> str:
        return self._tokens[user]

    def write_token_file(self, path: Path) -> None:
        """The API server's --token-auth-file."""
        rows = (f'{self._tokens[user]},{user},{user},"{",".join(g)}"' for user, g in self._groups.items())
        path.write_text("\n".join(rows) + "\n")

    def write_kubeconfig(self, path: Path, user: str, *, server: str, ca: Path) -> None:
        """A kubeconfig file with one context, for `user`."""
        write_kubeconfig(path, user, self.token(user), server=server, ca=ca)


def write_kubeconfig(path: Path, user: str, token: str, *, server: str, ca: Path) -> None:
    """A kubeconfig file with one context, for whoever has this token."""
    cluster = {"server": server, "certificate-authority": str(ca)}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "e2e", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": user}}],
        "current-context": "e2e",
    }
    path.write_text(yaml.safe_dump(config))
