"""How long one search for the most alike recordings takes among 100,000, beside other exact ways and beside reading.

    python benchmarks/neighbours.py

All ways search the same 100,000 embeddings of 512 numbers, drawn along a curved line with noise, for the 10 nearest of
the same queries, in one run, and must agree. `read once` is what no exact search without an index can beat: passing
over all embeddings in memory.
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.neighbors import NearestNeighbors

from coreecho.representation.neighbours import NeighbourIndex

RECORDINGS, WIDTH, QUERIES, K = 100_000, 512, 20, 10
# To the plain way in double precision, whose answer ours must equal.
WANTED_RATIO = 3

Embeddings = NDArray[np.float32]


def embeddings() -> tuple[Embeddings, Embeddings]:
    """Recordings along a curved line (EF) with noise, and queries from the same."""
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((6, WIDTH))
    place = rng.random((RECORDINGS + QUERIES, 1)) ** np.arange(1, 7)
    points = 10 * place @ directions + 0.5 * rng.standard_normal((RECORDINGS + QUERIES, WIDTH))
    return points[:RECORDINGS].astype(np.float32), points[RECORDINGS:].astype(np.float32)


def plain(points: Embeddings, query: Embeddings) -> NDArray[np.int64]:
    """All differences, squared and summed in double precision, and sorted."""
    difference = points.astype(np.float64) - query.astype(np.float64)
    return np.argsort((difference**2).sum(axis=1), kind="stable")[:K]


def milliseconds(search: Callable[[Embeddings], object], queries: Embeddings) -> float:
    """Median time of one query, each asked for by itself."""
    search(queries[0])
    times = []
    for query in queries:
        begin = time.perf_counter()
        search(query)
        times.append(1000 * (time.perf_counter() - begin))
    return statistics.median(times)


def main() -> None:
    """Print the table; the exit code is 1 if the ratio falls short or the answers differ."""
    console = Console()
    points, queries = embeddings()
    begin = time.perf_counter()
    index = NeighbourIndex(points)
    built = 1000 * (time.perf_counter() - begin)
    brute = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(points)
    found = index.query(queries, K)[1]
    is_same = all(np.array_equal(plain(points, query), of_ours) for query, of_ours in zip(queries, found, strict=True))

    begin = time.perf_counter()
    index.query(queries, K)
    together = 1000 * (time.perf_counter() - begin) / QUERIES
    ours = milliseconds(lambda query: index.query(query[None], K), queries)
    slow = milliseconds(lambda query: plain(points, query), queries[:5])
    rows = {
        "ours, one query at a time": ours,
        f"ours, {QUERIES} queries together": together,
        "scikit-learn, brute force, float32": milliseconds(lambda query: brute.kneighbors(query[None]), queries),
        "plain, float64": slow,
        "read once": milliseconds(lambda _query: points.sum(), queries),
    }
    table = Table(title=f"{K} nearest of {RECORDINGS:,} x {WIDTH}; the index is made in {built:.0f} ms")
    table.add_column("way")
    for column in ("ms a query", "times ours"):
        table.add_column(column, justify="right")
    for name, value in rows.items():
        table.add_row(name, f"{value:.1f}", f"{value / ours:.2f}")
    console.print(table)
    console.print(f"same neighbours as the plain way: {'yes' if is_same else 'NO'}")
    console.print(f"one query: {ours:.1f} ms, {ours / rows['read once']:.1f} times as long as reading once")
    console.print(f"ratio to the plain way: {slow / ours:.0f} (wanted: at least {WANTED_RATIO})")
    sys.exit(not is_same or slow / ours < WANTED_RATIO)


if __name__ == "__main__":
    main()
