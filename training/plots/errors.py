"""The error of what is drawn; its message names the file to mend."""

from hark.errors import HarkError


class PlotError(HarkError):
    """A file or folder does not hold what is to be drawn, or the figure cannot be written."""
