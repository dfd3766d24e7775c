"""The name for what JSON or YAML decodes to before it is read into values."""

from typing import Any

JsonObject = dict[str, Any]
