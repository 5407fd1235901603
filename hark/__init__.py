"""Speech to text: bytes of audio in, a transcript out."""
