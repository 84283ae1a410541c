"""The errors of this package.

ElmoError
├── SourceError    an ELMo source that cannot be found or is of no known form
└── WeightsError   a weight file that does not fit the options beside it
"""


class ElmoError(ValueError):
    """Something about an ELMo model that its user can mend."""


class SourceError(ElmoError):
    """A source names nothing that can be loaded."""


class WeightsError(ElmoError):
    """A weight file lacks a tensor, or holds one of another shape."""
