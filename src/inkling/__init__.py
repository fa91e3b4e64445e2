"""Inkling trains, examines and ships neural-network image classifiers, with every number on the table.

The public names, and the modules they live in, stand once: in `__init__.pyi`, which type checkers and editors read too.
Each is imported when it is first asked for, so that `import inkling` stays light.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
