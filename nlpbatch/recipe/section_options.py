"""The options of a recipe's section, as the annotations of its dataclass state them, and values checked against them.

rows: Annotated[int, whole(1), "Rows wanted."] = 10_000
                type  accepted   help            default
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, Final, get_args

from nlpbatch.recipe.faults import Fault
from nlpbatch.spark.option_types import OptionType, columns, columns_fault, is_names, is_number
from nlpbatch.suggestions import nearest

COLUMNS: Final = OptionType(is_names, 'a column, or several: ["title", "body"]', columns, columns_fault)
SHARE: Final = OptionType(lambda value: is_number(value) and 0 < value <= 1, "a number over 0 and up to 1", float)


@dataclass(frozen=True, slots=True)
class SectionOption:
    """One option of a section.

    Args:
        name: Its key.
        kind: What it accepts, and what is wrong with other values.
        help: What it means, in a sentence.
        type: The type of its values, as annotated.
        default: Its value if it is left out.

    """

    name: str
    kind: OptionType
    help: str
    type: Any = None
    default: Any = None


def options_of(section: type[Any]) -> dict[str, SectionOption]:
    """Return the options of a section by name, in order."""
    found = {}
    for item in fields(section):
        stored, kind, meaning = get_args(item.type)
        found[item.name] = SectionOption(item.name, kind, meaning, stored, _default(item))
    return found


def _default(item: Field[Any]) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def read_section(section: type[Any], name: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """Return the values of a section that are right, as they are stored, and what is wrong with the others."""
    options = options_of(section)
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for key, value in given.items():
        if key not in options:
            faults.append(Fault.at(f"[{name}] has an unknown key {key!r}: {nearest(key, options)}", name, key))
            continue
        kind = options[key].kind
        if not kind.accepts(value):
            faults.append(Fault.at(f"[{name}] {key} = {value!r} is not {kind.wanted}", name, key))
            continue
        values[key] = kind.convert(value)
        if fault := kind.fault(values[key]):
            faults.append(Fault.at(f"[{name}] {fault}", name, key))
    return values, faults


def whole(minimum: int, maximum: int | None = None) -> OptionType:
    """Return the type of options that are whole numbers in a range, both ends included."""
    wanted = f"a whole number from {minimum:,}" + (f" to {maximum:,}" if maximum else "")

    def accepts(value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool) and minimum <= value <= (maximum or value)

    return OptionType(accepts, wanted)
