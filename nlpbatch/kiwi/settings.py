"""Settings that kiwipiepy keeps in an instance and the service in its configuration."""

from dataclasses import dataclass
from typing import Any, Final

from nlpbatch.kiwi.refusals import NotRemote

REMEDY: Final = (
    "it belongs to the service's configuration: ask for an analyzer that has it ([analyzers.NAME] in server.toml), "
    "and name it in Kiwi(analyzer=…)"
)


@dataclass
class KiwiConfig:
    """Kiwi's settings of the analysis, with the defaults of kiwipiepy."""

    integrate_allomorph: bool = True
    cutoff_threshold: float = 8.0
    oov_rule_scale: float = 4.0
    oov_rule_bias: float = 4.0
    oov_chr_bias: float = 0.0
    oov_global_weight: float = 75.0
    oov_local_weight: float = 3.0
    oov_global_min_freq: float = 4.0
    space_penalty: float = 7.0
    typo_cost_weight: float = 6.0
    max_unk_form_size: int = 6
    space_tolerance: int = 0


class ServedConfig(KiwiConfig):
    """The settings of a service's analyzer, which can't be changed from here."""

    def __setattr__(self, name: str, value: Any) -> None:
        if getattr(self, name) != value:
            raise NotRemote(f"{name} can't be changed over the service: {REMEDY}")
        super().__setattr__(name, value)


def check_override(config: Any) -> None:
    """Check that settings for one call are those that hold anyway.

    Raises:
        NotRemote: They aren't.

    """
    if config is None:
        return
    for name, default in vars(KiwiConfig()).items():
        value = getattr(config, name)
        if value != default:
            raise NotRemote(f"override_config.{name} is {value!r}, the service has {default!r}: {REMEDY}")
