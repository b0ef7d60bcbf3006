# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a part of the package needs beside it: the extras of pyproject.toml, as a command that works.

No registry has a package of our name, so the packages themselves are named.
"""

from __future__ import annotations

import importlib.metadata
import re
import shlex

WANTED = re.compile(r"""(?P<package>[^;]+);.*\bextra == ['"](?P<extra>[^'"]+)['"]""")


def missing(error: ImportError, *extras: str) -> str:
    """One sentence: which module is not there, and the command that brings all that `extras` name."""
    what = f"the Python package {error.name} is missing" if error.name else str(error)
    try:
        wanted = map(WANTED.match, importlib.metadata.requires("dgx-pixels") or ())
        packages = [match["package"].strip() for match in wanted if match and match["extra"] in extras]
    except importlib.metadata.PackageNotFoundError:
        packages = []
    if packages:
        return f"{what}: pip install {shlex.join(sorted(set(packages)))}"
    return f"{what}: pip install '.[{','.join(extras)}]' in the source tree of DGX-Pixels"
