"""Contiguous batches: which tokens each chunk has."""

import numpy as np
import pytest

from recurrent.training.batches import ContiguousBatches


@pytest.mark.parametrize("length, B, T", [(7, 2, 3), (100, 3, 4), (101, 1, 100), (60, 5, 2), (997, 7, 10)])
def test_chunks(length, B, T):
    """Number k is followed by k + 1; a stream continues where it ended; in the end the whole text was read."""
    batches, seen = ContiguousBatches(np.arange(length, dtype=np.uint16), B, T), set()
    before = np.empty((0, 0))
    assert batches.chunks == (length - 1) // B // T
    for number in range(200 * batches.chunks):
        x, y = batches.chunk(number)
        assert x.shape == y.shape == (T, B) and x.dtype == y.dtype == np.int64 and x.flags.c_contiguous
        assert np.array_equal(y, x + 1)
        assert np.array_equal(np.diff(x, axis=0), np.ones((T - 1, B)))
        assert np.array_equal(np.diff(x, axis=1), np.full((T, B - 1), (length - 1) // B))
        if not batches.begins_epoch(number):
            assert np.array_equal(x[0], before[-1] + 1)
        elif number // batches.chunks == 0:
            assert x[0, 0] == 0
        before = x
        seen.update(x.ravel().tolist())
    assert seen == set(range((length - 1) // B * B))
