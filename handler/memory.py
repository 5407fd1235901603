"""A bound on memory, below the one at which Lambda ends the function in the middle of a call.

Files of a few hundred bytes claim an index of gigabytes, or unpack to them: compressed QuickTime indexes, tags of ID3,
tables of samples that are all alike. Libraries believe them and ask for the memory. Where the bound is in the way they
say so, and the file is refused like any other that cannot be read; the function lives on.

Source: Linux, setrlimit(2), RLIMIT_DATA: memory that a process has for itself; mapped files do not count.
"""

from collections.abc import Mapping

# The rest is for what does not count: the code of libraries, and the recording of a job, which is mapped.
_SHARE = 0.9
# However much memory there is: filling it takes time too, and everything that is asked for is soon filled.
_MOST_MB = 2048


def bound(environment: Mapping[str, str]) -> None:
    """Sets the bound for this process, in Lambda; elsewhere, the memory is not the function's alone.

    Args:
        environment: with `AWS_LAMBDA_FUNCTION_MEMORY_SIZE`, in MB.
    """
    memory_mb = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
    if not memory_mb:
        return
    import resource  # not there on every system that `make serve` runs on

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = int(min(int(memory_mb) * _SHARE, _MOST_MB)) << 20
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))
