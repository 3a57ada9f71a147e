"""Linear algebra whose last bit does not depend on the number of cores."""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager:
    """Return a context in which BLAS has one thread.

    With several threads products are summed in another order, and eigenvectors of equal eigenvalues come out
    rotated: the same seed would draw another sky.
    """
    return _controller().limit(limits=1, user_api="blas")


@cache
def limit_blas_threads() -> None:
    """Give BLAS one thread for as long as the process lives."""
    one_blas_thread().__enter__()


@cache
def _controller() -> ThreadpoolController:
    # it searches all loaded libraries, which takes longer than a block of cutouts
    return ThreadpoolController()
