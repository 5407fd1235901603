"""The operator's commands against AWS's API over a socket, and against the local server."""
