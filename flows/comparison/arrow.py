"""pyarrow's compute functions, which are made at run time and therefore have no static types."""

from __future__ import annotations

from typing import Any

import pyarrow.compute

pc: Any = pyarrow.compute
