"""The attention decoder: a second opinion on what was said, from the decoder of a Whisper model."""
