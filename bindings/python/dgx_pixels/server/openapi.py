# SPDX-License-Identifier: MIT OR Apache-2.0
"""Print the interface's description: `python -m dgx_pixels.server.openapi > docs/openapi.json`."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from . import Settings, create_app

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(data=Path(folder)))
        print(json.dumps(app.openapi(), indent=1, ensure_ascii=False))
