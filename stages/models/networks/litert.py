"""A TFLite model on the CPU: one thread, so that its output bits never depend on the load."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

Array = NDArray[np.float32]


class LiteModel:
    """One .tflite model, given as its bytes, with one image input.

    Raises:
        ValueError: not a model that this runtime can load.
    """

    def __init__(self, content: bytes) -> None:
        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        details = self._interpreter.get_input_details()[0]
        self._input = details["index"]
        _, height, width, _ = (int(n) for n in details["shape"])
        self.size: tuple[int, int] = (width, height)
        """Width and height of the input in pixels."""
        self._outputs = {d["name"]: d["index"] for d in self._interpreter.get_output_details()}

    def __call__(self, image: Array) -> dict[str, Array]:
        """Run once: (H, W, 3) float32 in the model's own range to outputs by tensor name.

        Leading dimensions of one are kept off: an output of shape (1, N, C) comes back (N, C).
        """
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(image[None], np.float32))
        self._interpreter.invoke()
        return {n: self._interpreter.get_tensor(i)[0].copy() for n, i in self._outputs.items()}
