"""What an operator does to a deployed stack: keys, smoke test, logs, redrive, cleaning up before it is deleted."""
