"""Index arrays that another thread rewrites during a call: each call is right or names an index."""

import subprocess
import sys

import pytest

# each call reads `indices`, 4096 of them, while a second thread writes valid and invalid ones
CALLS = {
    "row_pluck": "g.row_pluck(m, indices)",
    "cross_entropy": "g.cross_entropy(wide, indices)",
    "forward": "net.forward(indices.reshape(64, 64))",
    "train_step": "net.train_step(indices.reshape(64, 64), indices.reshape(64, 64), optimizer)",
    "lengths": "net.forward(x, lengths=indices[:1])",
    "generate": "net.generate(1, indices[:512], temperature=0)",
    "beam_search": "net.beam_search(1, indices[:512], beams=2)",
    "decode": "model.decode(indices)",
}
PROGRAM = """
import sys, threading, time
import numpy as np
import recurrent

sys.setswitchinterval(1e-5)
indices = np.zeros(4096, np.int64)
m, wide, g = recurrent.Mat(5, 2), recurrent.Mat(5, 4096), recurrent.Graph(False)
net = recurrent.GRU(5, [4], 5, rng=0)
x = np.zeros((3, 1, 5), np.float32)
optimizer = recurrent.SGD(1e-6)
model = recurrent.TextModel("gru", [4], rng=0)
model.build("abcde")
stop = False

def write():
    while not stop:
        indices[:] = 1 << 40
        indices[:] = -3
        indices[:] = 0

writer = threading.Thread(target=write)
writer.start()
end, refused = time.monotonic() + {seconds}, 0
try:
    while time.monotonic() < end:
        try:
            {call}
        except IndexError as error:
            assert "is out of range" in str(error), error
            refused += 1
finally:
    stop = True
    writer.join()
print(refused)
"""


@pytest.mark.parametrize("name", CALLS)
def test_another_thread_writes_the_indices(name):
    program = PROGRAM.format(call=CALLS[name], seconds=0.5)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr[-2000:]}"
