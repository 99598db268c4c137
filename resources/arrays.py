"""Names of the array types that signatures use. The shape of an array is in the docstring of what takes or returns it."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Strings = NDArray[np.str_]
