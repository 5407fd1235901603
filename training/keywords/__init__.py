"""The spoken-keyword classifier: its data, its networks, its training and what is reported of it."""
