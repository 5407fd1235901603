"""The real thing: the image built, and run under sam and under Lambda's own runtime interface emulator.

Needs a container engine: a running Docker, or root on a Debian machine, where these tests install and start their own.
"""
