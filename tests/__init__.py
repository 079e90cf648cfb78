"""The tests, and what only they use.

Processes that they start find the code compiled, whatever the environment asks for: there are hundreds of
them, and each would spend most of a second on that.
"""

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
