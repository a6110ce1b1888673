"""`python -m nexus.harness.schema`: prints the JSON Schema of `summary.json`."""

from __future__ import annotations

import json

from nexus.harness.summary import json_schema


def main() -> None:
    """Print it."""
    print(json.dumps(json_schema(), indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
