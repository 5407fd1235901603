"""[frames, channels] -> [frames], without what is said being lost where a channel is inverted.

Where a balanced cable is plugged into a stereo input, one side is the other upside down, and the mean of both is
nothing. Which channels are inverted is judged second by second, by the product of each with the loudest one.
"""

import numpy as np
from numpy.typing import NDArray

# Channels are best judged over this. A click where the judgement changes is nothing beside the word that would be lost.
JUDGED_S = 1.0
# Twice the product of two channels, as a share of their energies, is -1 where one is the other inverted, 1 where they
# are the same, and about 0 where they have nothing to do with each other. Below this, the difference of both is 6 dB
# louder than their sum.
_INVERTED = -0.6
# Voices are compared: differences over this time leave little of hum and of a constant offset, which may be the same on
# both sides while the voices are not.
_LAG_S = 1 / 16_000
# Judged further, what is quieter than this (16 bits round by it) would be the noise of rounding.
_QUIETEST = 1e-9


class Downmix:
    """Mixes a recording down.

    Attributes:
        turned: some channel was found to be inverted.
    """

    """Mixes a recording down, block by block."""

    def __init__(self) -> None:
        self._signs = np.ones(1, np.float32)
        self.turned = False

    def mono(self, block: NDArray[np.float32], rate_hz: int) -> NDArray[np.float32]:
        """Returns [frames] of [frames, channels] at a rate: about a second of them, or less."""
        channels = block.shape[1]
        if channels == 1:
            return block[:, 0]
        if len(self._signs) != channels:
            self._signs = np.ones(channels, np.float32)
        self._judge(block, max(1, round(_LAG_S * rate_hz)))
        self.turned |= bool(self._signs.min() < self._signs.max())
        mono: NDArray[np.float32] = block @ (self._signs / np.float32(channels))
        return mono

    def _judge(self, block: NDArray[np.float32], lag: int) -> None:
        """Finds the sign of each channel by [frames, channels]."""
        thinned = block[::lag]
        if len(thinned) < 2:
            return
        with np.errstate(over="ignore", invalid="ignore"):  # of floating-point recordings far beyond full scale
            change = np.diff(thinned, axis=0)
            energies = np.einsum("ij,ij->j", change, change)
            loudest = int(energies.argmax())
            products = change.T @ change[:, loudest]
            likeness = 2 * products / (energies + energies[loudest])
            if not energies[loudest] > _QUIETEST * len(change) or not np.isfinite(likeness).all():
                return
        signs = np.where(likeness < _INVERTED, np.float32(-1), np.float32(1))
        # All of them the other way round is no change, and must not be heard as one.
        self._signs = -signs if signs @ self._signs < 0 else signs
