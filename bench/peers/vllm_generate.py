"""vLLM's side of `bench/sampling.py`: run by the Python of its own environment, one line of JSON a turn on both sides.

The first line names the model's folder and type, the prompts and the number of tokens; each further line is a turn's number. The answer
to the first is the greedy tokens of the first prompt, to the others the tokens made and the seconds by the clock and by the processor.
Loading is outside all figures. Replies never end before the limit.
"""

from __future__ import annotations

import json
import resource
import sys
import time


def main() -> None:
    from vllm import LLM, SamplingParams, TokensPrompt

    job = json.loads(sys.stdin.readline())
    llm = LLM(
        job["model"],
        dtype=job["dtype"],
        skip_tokenizer_init=True,
        enable_chunked_prefill=False,
        max_model_len=job["context"],
        max_num_seqs=job["rows"],
        max_num_batched_tokens=max(job["context"], 8_192),
        disable_log_stats=True,
        seed=0,
    )
    prompts = [TokensPrompt(prompt_token_ids=ids) for ids in job["prompts"]]
    greedy = SamplingParams(temperature=0.0, max_tokens=8, ignore_eos=True, detokenize=False)
    answer({"greedy": list(llm.generate(prompts[:1], greedy, use_tqdm=False)[0].outputs[0].token_ids)})
    for line in sys.stdin:
        sampling = SamplingParams(
            n=job["samples"], temperature=1.0, top_p=1.0, max_tokens=job["tokens"], ignore_eos=True, detokenize=False, seed=int(line)
        )
        wall, cpu = time.perf_counter(), cpu_s()
        outputs = llm.generate(prompts, sampling, use_tqdm=False)
        tokens = sum(len(reply.token_ids) for output in outputs for reply in output.outputs)
        answer({"tokens": tokens, "wall_s": time.perf_counter() - wall, "cpu_s": cpu_s() - cpu})


def cpu_s() -> float:
    """Return the processor time of this process; its engine runs in it (VLLM_ENABLE_V1_MULTIPROCESSING=0)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def answer(value: object) -> None:
    print(json.dumps(value), file=ANSWERS, flush=True)


if __name__ == "__main__":
    ANSWERS = sys.stdout
    sys.stdout = sys.stderr  # what vLLM prints is no answer
    main()
