"""Tables for tests: written, and read back by URL, by libraries that know nothing of this one.

They run in an interpreter that has them and the wheel: neither is on the path of this one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

READER: Final = Path("src.python.nexus.remotefs.package.tables/reader.pex")

# A table as CSV and Parquet, and an array in chunks.  Small: a guest gives 128 bytes a call.
_WRITE: Final = """
import sys, numpy, pandas, zarr
table = pandas.DataFrame({"month": ["may", "june", "july"], "mm": [58, 72, 80]})
table.to_csv("rain.csv", index=False)
table.to_parquet("rain.parquet", compression=None)
grid = zarr.create_array("grid.zarr", shape=(6, 4), chunks=(3, 4), dtype="int32", compressors=None)
grid[:] = numpy.arange(24).reshape(6, 4)
"""

_READ: Final = """
import json, sys
import fsspec, pandas, zarr
from pyarrow import dataset, parquet
root, options = sys.argv[1], {"config": sys.argv[2], "timeout_s": 60}
files = fsspec.filesystem("nexus-pkg", **options)
path = root.removeprefix("nexus-pkg://")
grid = zarr.open_array(f"{root}/grid.zarr", mode="r", storage_options=options)
print(json.dumps({
    "pandas csv": pandas.read_csv(f"{root}/rain.csv", storage_options=options)["mm"].tolist(),
    "pandas parquet": pandas.read_parquet(
        f"{root}/rain.parquet", storage_options=options)["mm"].tolist(),
    "pyarrow": parquet.read_table(f"{path}/rain.parquet", filesystem=files)["mm"].to_pylist(),
    "pyarrow dataset": dataset.dataset(
        f"{path}/rain.parquet", filesystem=files).to_table()["month"].to_pylist(),
    "zarr": [list(grid.shape), int(grid[:].sum()), grid[4, 1:3].tolist()],
}))
"""

# The result of reading, from wherever the file is read.
WANTED: Final[dict[str, object]] = {
    "pandas csv": [58, 72, 80],
    "pandas parquet": [58, 72, 80],
    "pyarrow": [58, 72, 80],
    "pyarrow dataset": ["may", "june", "july"],
    "zarr": [[6, 4], 276, [17, 18]],
}


def write_tables(folder: Path, reader: Path, wheel: Path) -> list[str]:
    """Write the tables to a folder; return the paths of their files."""
    _run(reader, wheel, folder, _WRITE)
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def read_tables(root: str, config: Path, reader: Path, wheel: Path) -> dict[str, object]:
    """Read the tables below a URL."""
    found: dict[str, object] = json.loads(
        _run(reader, wheel, config.parent, _READ, root, str(config))
    )
    return found


def _run(reader: Path, wheel: Path, folder: Path, code: str, *arguments: str) -> str:
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    done = subprocess.run(
        [sys.executable, str(reader / "__main__.py"), "-c", code, *arguments],
        cwd=folder,
        env={**kept, "PEX_EXTRA_SYS_PATH": str(wheel), "PEX_ROOT": str(reader.parent / "root")},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
