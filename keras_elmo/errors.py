"""The errors of this package.

ElmoError
└── SourceError    an ELMo source that cannot be found or is of no known form
    └── WeightsError   its weights do not fit its options, or are no finite numbers
"""


class ElmoError(ValueError):
    """Something about an ELMo model that its user can mend."""


class SourceError(ElmoError):
    """A source names nothing that can be loaded."""


class WeightsError(SourceError):
    """A source lacks a tensor, or holds one of another shape, type or value."""
