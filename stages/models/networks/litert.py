"""TFLite models on the CPU, with one thread so that outputs do not depend on the machine's load."""

from __future__ import annotations

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

Array = NDArray[np.float32]


class LiteModel:
    """A TFLite model with one image input, loaded from the bytes of a .tflite file.

    Raises:
        ValueError: the runtime cannot load the model.
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
        """Run the model on (H, W, 3) float32 in its own range; returns outputs by tensor name.

        The leading dimension of 1 is removed: an output of shape (1, N, C) is returned as (N, C).
        """
        self._interpreter.set_tensor(self._input, np.ascontiguousarray(image[None], np.float32))
        self._interpreter.invoke()
        return {n: self._interpreter.get_tensor(i)[0].copy() for n, i in self._outputs.items()}
