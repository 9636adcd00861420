"""What a compiled function became: its graph, the kernels as text that runs in plain Python, and the plan that runs them."""

import tracejit as tj


@tj.compile
def attention_weights(queries, keys):
    scores = queries @ keys.mT / queries.shape[-1] ** 0.5
    shifted = tj.exp(scores - scores.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


if __name__ == "__main__":
    tj.manual_seed(0)
    queries, keys = tj.randn(16, 8), tj.randn(16, 8)
    attention_weights(queries, keys)  # traced and compiled
    attention_weights(queries, keys)  # replayed
    for title, text in (
        ("graph", attention_weights.graph(queries, keys)),
        ("source", attention_weights.source(queries, keys)),
        ("plan", attention_weights.plan(queries, keys)),
    ):
        print(f"──── {title} ────\n{text}\n")
    print("two calls, traces:", attention_weights.trace_count, "·", attention_weights.cache_info())
