"""The benchmark measures what it says: a row's programs agree, and figures become lines, ratios and verdicts as they should."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import compile_time, cpu, crew, functions, peers, phases, program_worker, programs, report, roofline, scaling, tables
from bench.cpu import Cell, Row
from bench.worker import leaves, sample
from bench.workload import Target, Workload, amount, uniform
from bench.workloads import WORKLOADS, stencils

PEERS = [peers.load(name) for name in ("NumPy", "eager", "compiled")]
PROGRAMS = {id(w.programs): w for w in reversed(WORKLOADS)}  # sizes and dtypes of one chain share their programs


@pytest.mark.parametrize("workload", PROGRAMS.values(), ids=lambda w: w.name)
def test_libraries_agree(workload, monkeypatch):
    monkeypatch.setattr(stencils, "STEPS", 2)  # as good as ten here, and compiled sooner
    results = {}
    for peer in PEERS:
        if make := workload.programs.get(peer.library):
            call = make(peer, workload.arguments(tiny=True))
            call(), call()
            results[peer.name] = [{"dtype": str(a.dtype), "shape": a.shape, "sample": sample(a)} for a in leaves(call())]
    assert {"eager", "compiled"} <= set(results)
    assert cpu.disagreements(results) == {}


def test_elementary_functions_are_measured_in_nanoseconds_an_element():
    """(And compared: a column that differs from ours raises.)"""
    for figure in functions.figures(rounds=1, only=["pow", "digamma"]):
        assert set(figure.nanoseconds) <= set(functions.COLUMNS) and all(0.0 < ns < 1e5 for ns in figure.nanoseconds.values())
        assert figure.times("NumPy") == figure.nanoseconds["NumPy"] / figure.nanoseconds["tracejit"]


def test_names_of_rows_are_unique():
    assert len({w.name for w in WORKLOADS}) == len(WORKLOADS)


LIMITS = {"triad": 20e9, "float32": 100e9, "float64": 50e9}


def made_up(target: Target, **seconds: list[float] | str) -> Row:
    """A row of 10 M elements, 80 MB, with the given rounds (or note) of each peer."""
    workload = Workload("x + 1", "made up", {}, uniform((0, 1)), (10_000_000,), (3,), target)
    cells = {name: Cell(note=value) if isinstance(value, str) else Cell(value) for name, value in seconds.items()}
    return Row(workload, cells, 10_000_000, 80_000_000)


def test_a_row_is_judged_by_ratios_within_rounds():
    row = made_up(Target(1.5), compiled=[0.01, 0.02, 0.04], NumPy=[0.02, 0.04, 0.08], JAX=[0.5, 0.5, 0.5], eager=[0.001] * 3)
    entry = report.entry(row, LIMITS)
    assert (entry["best"], entry["ratio"], entry["met"]) == ("NumPy", 2.0, True)
    assert entry["share"] == pytest.approx(0.2)  # 80 MB at 20 GB/s are 4 ms of 20
    assert not report.entry(made_up(Target(2.5), compiled=[0.01], NumPy=[0.02]), LIMITS)["met"]


def test_a_target_may_be_about_one_peer_or_the_bandwidth():
    figures = {"compiled": [0.01], "NumPy": [0.005], "JAX": [0.03]}
    assert report.entry(made_up(Target(2.5, than="JAX"), **figures), LIMITS)["met"]
    assert report.entry(made_up(Target(share=0.3), **figures), LIMITS)["met"]
    assert not report.entry(made_up(Target(share=0.5), **figures), LIMITS)["met"]


def test_a_row_that_we_cannot_do_does_not_meet_its_target():
    entry = report.entry(made_up(Target(1.0), compiled="ValueError: no", NumPy=[0.01]), LIMITS)
    assert (entry["ratio"], entry["met"]) == (None, False)
    assert "failed" in report.line(entry, ["compiled", "NumPy"])
    assert report.notes([entry]) == ["x + 1, compiled: ValueError: no"]


def test_lines_tell_nanoseconds_an_element_and_where_cells_are_missing():
    row = made_up(Target(1.5), compiled=[0.01], NumPy=[0.02], JAX="over 60 s")
    text = report.line(report.entry(row, LIMITS), ["compiled", "NumPy", "JAX", "torch"])
    assert text.split()[:3] == ["x", "+", "1"]
    assert all(part in text for part in ("[ns]", "1 ±0%", "2 ±0%", "slow", "·", "NumPy 2.00×", "met (1.5×; roofline 40%)"))


def test_disagreement_is_found():
    def result(values, dtype="float32"):
        return [{"dtype": dtype, "shape": [2], "sample": values}]

    found = cpu.disagreements({"torch": result([1.0, 2.1]), "NumPy": result([1.0, 2.0]), "JAX": result([1.0, 2.0], "float64"), "eager": result([1.0, 2.0])})
    assert set(found) == {"torch", "JAX"}
    assert set(cpu.disagreements({"JAX": result([1.0, 2.0]), "torch": result([float("nan"), 2.0])})) == {"torch"}


def test_the_roofline_is_the_nearer_of_memory_and_matmul():
    assert roofline.share(1.0, 10e9, 0.0, "float32", LIMITS) == 0.5
    assert roofline.share(1.0, 10e9, 80e9, "float32", LIMITS) == 0.8
    assert roofline.merged({"triad": 1.0}, {"triad": 2.0}) == {"triad": 2.0}


def test_sizes_and_durations_read_well():
    assert [amount(16), amount(4096), amount(16 << 20), amount(64, 1024)] == ["16", "4 k", "16 M", "64×1024"]
    assert [report.duration(s) for s in (2.0, 0.0123, 4.5e-6, 7e-9)] == ["2 s", "12.3 ms", "4.5 µs", "7 ns"]
    assert report.geometric_mean([1.0, 4.0]) == 2.0


def test_the_table_has_all_rows_and_their_mean():
    rows = [
        made_up(Target(1.5), compiled=[0.01], eager=[0.03], NumPy=[0.04], JAX="over 60 s"),
        made_up(Target(1.5), compiled=[0.01], NumPy="ValueError: no", JAX=[0.01]),
    ]
    lines = tables.markdown([report.entry(row, LIMITS) for row in rows]).splitlines()
    assert lines[3] == "| x + 1 | 1 ns | 3 ns | NumPy 4 ns | **4.00** | met (1.5×; roofline 40%) |"
    assert lines[4] == "| x + 1 | 1 ns |  | JAX 1 ns | 1.00 | missed (1.5×; roofline 40%) |"
    assert lines[5].startswith("| **geometric mean** | | | | **2.00** | 1 of 2 met")


def test_the_picture_is_drawn(tmp_path):
    tables.plot([report.entry(made_up(Target(1.5), compiled=[0.01], NumPy=[0.02]), LIMITS)], tmp_path / "ratios.png")
    assert (tmp_path / "ratios.png").stat().st_size > 1000


def test_files_keep_what_tables_read(tmp_path):
    entry = report.entry(made_up(Target(1.5), compiled=[0.0123456789], NumPy=[0.02]), LIMITS)
    report.save(tmp_path / "figures.json", {"numpy": "2"}, rows=[entry])
    kept = json.loads((tmp_path / "figures.json").read_text())
    assert {"processor", "cores", "python", "versions", "date"} <= set(kept)
    assert kept["rows"][0]["cells"]["compiled"]["median"] == 0.012346
    assert tables.markdown(kept["rows"]) == tables.markdown([entry])


def test_first_results_are_compared_with_jax():
    figure = compile_time.Figure("new shape", {"compiled": 0.01, "JAX": 0.1, "torch.compile": "over 60 s"}, 0.05, kernels=0)
    assert (figure.share, figure.met) == (pytest.approx(0.1), False)
    assert "0.10 of JAX's time" in figure.line() and "over 60 s" in figure.line()
    assert compile_time.Figure("new shape", {"compiled": 0.001, "JAX": 0.1}, 0.05, kernels=0).met
    assert not compile_time.Figure("new shape", {"compiled": 0.001, "JAX": 0.1}, 0.05, kernels=1).met
    assert not compile_time.Figure("new shape", {"compiled": 0.001}, 0.05).met


def test_phases_of_compiling_are_timed_and_judged():
    for program in phases.PROGRAMS:
        assert set(phases.phases(program, 20, rounds=1)) == {*phases.PHASES, "nodes"}

    def graph(operations, seconds):
        return {"program": "chain", "operations": operations, "nodes": operations} | dict.fromkeys(phases.PHASES, seconds)

    assert scaling.is_linear([graph(100, 0.1), graph(1000, 0.1), graph(10_000, 1.5)])
    assert not scaling.is_linear([graph(1000, 0.1), graph(10_000, 2.5)])


def test_workers_answer_and_fail_as_told():
    member = crew.Member("NumPy", {"PYTHONPATH": str(Path(__file__).parent.parent)})
    try:
        answer = member.ask(60, do="prepare", workload="a·b + 1, 16 elements")
        assert answer["elements"] == 16 and answer["bytes"] == 3 * 64 and len(answer["results"][0]["sample"]) == 16
        assert member.ask(60, do="turn", count=10) > 0
        with pytest.raises(crew.Failed, match="KeyError"):
            member.ask(60, do="prepare", workload="no such row")
        with pytest.raises(crew.Failed, match="over 0 s"):
            member.ask(0, do="turn", count=10**6)
        assert member.ask(60, do="prepare", workload="copy, 16 M")["elements"] == 1 << 24  # by a new process
    finally:
        member.end()


# NumPy programs


@pytest.mark.parametrize(
    ("straight", "numpy", "numba", "met"),
    [(True, 2.0, 1.0, True), (True, 2.0, 0.9, False), (False, 2.0, 0.1, True), (False, 0.96, None, True), (False, 0.9, None, False), (True, 1.0, None, True)],
)
def test_a_program_is_judged_by_numpy_and_a_straight_one_by_numba_too(straight, numpy, numba, met):
    """The figures are how many times as long as the compiled function they take."""
    row = programs.Row("waves", straight, "graph", {"compiled": 0.5}, {"compiled": Cell([1.0, 1.0, 1.0]), "torch.compile": Cell(note="over 20 s")})
    for name, ratio in (("NumPy", numpy), ("Numba", numba)):
        if ratio:
            row.cells[name] = Cell([ratio, ratio, ratio])
    entry = row.entry()
    assert entry["met"] is met and entry["times"] == {"NumPy": numpy, "Numba": numba, "torch.compile": None}
    line = programs.line(entry)
    assert line.startswith("waves" + "*" * straight) and line.endswith("met" if met else "missed") and "slow" in line and "500 ms" in line
    assert programs.markdown([entry]).count("\n") == 2 and programs.notes([entry]) == ["waves, torch.compile: over 20 s"]
    assert f"{int(met)} of 1" in programs.summary([entry])[0]


def test_the_faster_way_of_numba_is_the_one_to_beat():
    row = programs.Row("waves", True, cells={"compiled": Cell([1.0]), "Numba": Cell([0.5]), "Numba ∥": Cell([4.0])})
    assert row.entry()["times"]["Numba"] == 0.5


def test_rows_measured_again_take_the_place_of_earlier_ones():
    first = [{"program": name, "mode": "tree"} for name in ("waves", "heat")]
    again = [{"program": name, "mode": "graph"} for name in ("heat", "tides")]
    assert programs.merged(first, again) == [first[0], *again]


def test_a_worker_of_programs_gives_what_json_holds():
    """Every call gets arguments of its own: this program changes its."""
    session = program_worker.Session("NumPy")
    session.begin()
    answer, again = (json.loads(json.dumps(session.prepare("heat"))) for _ in range(2))
    assert answer["results"] == again["results"] and answer["first"] > 0 and answer["mode"] == ""
    assert session.turn(2) > 0
    assert set(program_worker.catalogue()) > {"heat", "cavity"}
