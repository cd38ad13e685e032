"""Marks by file, the settings of hypothesis, and the fixtures of all tests."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

import recurrent

# the fixture and the hooks of campaigns
from campaigns import cases, pytest_runtest_makereport, pytest_runtest_protocol  # noqa: F401
from support import FIXTURES, TESTS, read

# the same examples on every machine; RECURRENT_HARDEN tries more examples, other ones each time
hypothesis.settings.register_profile("quick", deadline=None, derandomize=True, max_examples=50, database=None)
hypothesis.settings.register_profile("harden", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("harden" if "RECURRENT_HARDEN" in os.environ else "quick")

# heard by what tests start too: a shell lets jobs in its background ignore Ctrl-C, and nohup a terminal that goes
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


# files whose tests NumPy's version can change: they run with the oldest as well
NUMPY = {
    "test_checks.py", "test_mat.py", "test_mat_views.py", "test_parameters.py", "test_state.py",
    "test_graph.py", "test_graph_gradients.py", "test_random.py", "test_sampling.py", "nn/test_network.py",
    "nn/test_generation.py", "recurrentjs/test_choices.py", "recurrentjs/test_functions.py",
    "text/test_model.py", "training/test_corpus.py", "introspection/test_activations.py",
}  # fmt: skip
# tests that take more than about 1.5 s, by file; none named: all of the file
SLOW: dict[str, set[str]] = {
    "_c/test_assembly.py": set(),
    "_c/test_handle.py": {"test_interrupts_at_random_moments"},
    "_c/test_invalid_inputs.py": set(),
    "_c/test_library.py": {"test_the_date_parser_of_this_name"},
    "cli/test_random_signals.py": set(),
    "cli/test_sample.py": {"test_bytes_are_written", "test_closed_output"},
    "cli/test_signals.py": set(),
    "cli/test_web.py": {"test_serves_until_a_signal"},
    "demo/test_demo.py": {"test_run", "test_same_seed_same_run", "test_as_a_command"},
    "introspection/test_plots.py": {
        "test_the_figure_of_a_run",
        "test_the_figure_of_activations",
        "test_the_figure_of_gradients",
    },
    "recurrentjs/test_choices.py": {"test_samplei_never_runs_off", "test_samplei_in_proportion"},
    "recurrentjs/test_parity.py": {"test_run"},
    "recurrentjs/test_sentence_model.py": {"test_any_change"},
    "reliability/test_bad_calls.py": set(),
    "reliability/test_damaged_files.py": set(),
    "reliability/test_determinism.py": set(),
    "reliability/test_failing_allocations.py": set(),
    "reliability/test_saves.py": set(),
    "test_arguments.py": {"test_arguments"},
    "test_attributes.py": {"test_assignments"},
    "test_contributing.py": set(),
    "test_docs.py": set(),
    "test_graph.py": {"test_expressions_in_a_loop", "test_no_grad_in_a_loop", "test_a_graph_in_a_loop"},
    "test_hatch_build.py": set(),
    "test_installation.py": set(),
    "test_languages.py": set(),
    "test_leaks.py": set(),
    "test_memory_growth.py": set(),
    "test_notebooks.py": {"test_runs_to_its_outputs", "test_a_figure_is_displayed"},
    "test_readme.py": set(),
    "test_swift_package.py": {"test_docc_has_no_warnings"},
    "test_tasks.py": {"test_reaches_its_mark", "test_does_not_reach_it_untaught"},
    "test_threads.py": set(),
    "text/test_model.py": {"test_an_interrupt_is_seen_while_it_writes", "test_nothing_is_merged_or_left_out"},
    "text/test_model_files.py": {
        "test_a_disk_that_is_full",
        "test_a_new_process_goes_on_to_the_same_bits",
        "test_kill",
    },
    "training/test_resume.py": {"test_killed_at_random_moments"},
    "training/test_trainer.py": {"test_ctrl_c_is_quick", "test_in_another_thread"},
    "web/test_browser.py": set(),
    "web/test_session.py": {"test_calls_run_between_steps"},
    "web/test_widget.py": set(),
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks tests by file; without -m, nightly tests do not run."""
    for item in items:
        file = item.path.relative_to(TESTS).as_posix() if item.path.is_relative_to(TESTS) else ""
        if file in NUMPY:
            item.add_marker("numpy")
        if file in SLOW and (not SLOW[file] or getattr(item, "originalname", "") in SLOW[file]):
            item.add_marker("slow")
    if config.option.markexpr:
        return
    nightly = [item for item in items if item.get_closest_marker("nightly")]
    if nightly:
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if item not in nightly]


@pytest.fixture(scope="session")
def golden() -> Iterator[object]:
    """Figures of RecurrentJS by file name."""
    cache: dict[str, object] = {}

    def get(name: str) -> object:
        if name not in cache:
            cache[name] = read(FIXTURES / f"{name}.json")
        return cache[name]

    yield get


@pytest.fixture
def graph() -> recurrent.Graph:
    """A graph for one test."""
    return recurrent.Graph()


@pytest.fixture
def memory_folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder in memory, where there is a file system in memory: fsync returns at once."""
    if not Path("/dev/shm").is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the test runs in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
