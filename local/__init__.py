"""The Lambda handler on your own machine, without AWS and without Docker."""
