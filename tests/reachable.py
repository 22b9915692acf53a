"""How much a state keeps, by the objects that can be reached from it."""

import gc
from types import BuiltinFunctionType, FunctionType, ModuleType

_EVERYBODYS = (type, ModuleType, FunctionType, BuiltinFunctionType)


def objects_of(state: object) -> int:
    """How many objects the state holds on to.

    Not counted: code and types, which everybody shares, and text keys, of which a dict does not tell the collector.
    """
    seen: set[int] = set()
    waiting = [state]
    while waiting:
        one = waiting.pop()
        if id(one) not in seen and not isinstance(one, _EVERYBODYS):
            seen.add(id(one))
            waiting += gc.get_referents(one)
    return len(seen)
