"""How long tests wait for what they started: a process, a server, a page.

Nothing waits longer than it must, so a test that passes is no slower for it. It is generous because a machine that
trains a model, or runs ten other tests, may take minutes to import PyTorch.
"""

PATIENCE_S = 600
