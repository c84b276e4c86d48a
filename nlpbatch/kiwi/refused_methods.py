"""The methods of kiwipiepy's Kiwi that can't work over a service, each with its remedy."""

import warnings
from typing import Any, Final, NoReturn

from nlpbatch.kiwi.refusals import NotRemote
from nlpbatch.kiwi.settings import REMEDY

_DICTIONARY: Final = (
    "a dictionary belongs to the service's configuration: put the words into a file of [analyzers.NAME] dictionaries, "
    "as docs/operations.md has it, or ask the service's operator"
)
_LOCAL: Final = "it looks into the model, which only the service has: use kiwipiepy where the model is"
_REMEDIES: Final = {
    "add_user_word": _DICTIONARY,
    "add_pre_analyzed_word": _DICTIONARY,
    "add_re_word": _DICTIONARY,
    "clear_re_words": _DICTIONARY,
    "add_rule": _DICTIONARY,
    "add_re_rule": _DICTIONARY,
    "load_user_dictionary": _DICTIONARY,
    "extract_add_words": _DICTIONARY,
    "extract_words": _LOCAL,
    "evaluate": _LOCAL,
    "predict_next": _LOCAL,
    "predict_next_morpheme": _LOCAL,
    "morpheme": _LOCAL,
    "morpheme_similarity": _LOCAL,
    "most_similar_morphemes": _LOCAL,
    "most_similar_contexts": _LOCAL,
    "context_similarity": _LOCAL,
    "list_senses": _LOCAL,
    "list_all_scripts": _LOCAL,
    "convert_hsdata": _LOCAL,
    "make_hsdataset": _LOCAL,
    "make_generative_ma_dataset": _LOCAL,
}
_SETTINGS: Final = (
    "cutoff_threshold",
    "integrate_allomorph",
    "max_unk_form_size",
    "space_penalty",
    "space_tolerance",
    "typo_cost_weight",
)
_DEPRECATED: Final = "Kiwi.typo_cost_threshold is deprecated since 0.23.0: give it to tokenize and analyze"


def _method(name: str, remedy: str) -> Any:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise NotRemote(f"Kiwi.{name} can't be called over the service: {remedy}")

    refuse.__name__ = name
    refuse.__doc__ = f"Raise NotRemote: {remedy}."
    return refuse


def _setting(name: str) -> property:
    def read(self: Any) -> Any:
        return getattr(self.global_config, name)

    def write(self: Any, value: Any) -> None:
        setattr(self.global_config, name, value)

    return property(read, write, doc=f"`global_config.{name}`; {REMEDY}.")


class RefusedMethods:
    """Raises NotRemote with the remedy, where kiwipiepy's Kiwi would change itself or read its model."""

    @property
    def typo_cost_threshold(self) -> None:
        """Return None; as in kiwipiepy, it is an argument of the analysis."""
        warnings.warn(_DEPRECATED, DeprecationWarning, stacklevel=2)

    @typo_cost_threshold.setter
    def typo_cost_threshold(self, _: float) -> None:
        warnings.warn(_DEPRECATED, DeprecationWarning, stacklevel=2)


for _name, _remedy in _REMEDIES.items():
    setattr(RefusedMethods, _name, _method(_name, _remedy))
for _name in _SETTINGS:
    setattr(RefusedMethods, _name, _setting(_name))
