"""The lines of `aha/` that do what the package did at an earlier commit, and those of features that came since: `python -m tests.lines`.

A whole file, or a function, class or method of it, counts as new where `SINCE` names it. Everything else is old, however much it grew:
imports, docstrings and constants of a mixed file, too. The figures are for lines as `wc -l` counts them, docstrings included.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter

START = "ad184de"  # 41,154 lines of Python; 465 more of programs for the sandbox stood in .txt files, which are .py files today
GOAL = 5_000

ROOMS = {
    "answers, template, text": "answers template text",
    "grading": "grading",
    "backends, learning, batch, sampling, protocols": "backends learning objectives batch sampling protocols types",
    "stages, evals, pipeline": "stages evals pipeline",
    "tasks, rewards, recipes, specimens": "tasks rewards recipes specimens paper",
    "files and settings": "rundir durable codec settings json_text lazy redact plain versions phases errors",
    "commands, doctor, progress, plan": "commands cli __main__ __init__ doctor progress watchdog plan",
    "reports": "reports",
    "serving": "serving",
}

SINCE = {
    "the generator of right and wrong claims": """
        specimens/
        rewards/bench.py RuleCount Survey survey _grades
        commands/bench_reward.py summary page _of_family _of_rule _example _family_row _failures _short gold _by_rules _fails
        """,
    "sentences around a claim, in twenty languages": """
        answers/languages.py answers/lexicon.py answers/grammar.py answers/closings.py answers/context.py answers/surroundings.py
        answers/rephrasing.py answers/sentences.py
        answers/statements.py _CHOOSES _CORRECT _speech takes_back denies_letter before_letter option_at_end judged_alone
        answers/numerals.py _ABROAD _value_abroad _tens_and_units counted_abroad
        answers/claims.py _looked_at _at_once _mark _closing_formula _stated_whole _correction _group
        answers/replies.py _speech announcements _announcement
        evals/judged/facts.py read_verdict _statements
        """,
    "proofs of equality, votes by a canonical form": """
        grading/maths/proofs.py grading/maths/votes.py
        grading/maths/values.py turns logs _factors _primes
        grading/maths/__init__.py repeats
        grading/maths/verdicts.py _irrational _factorials _says_words _clocks _afternoon _closing_time
        grading/maths/same.py _index _assignments _same_assignments _by_letter
        """,
    "intervals at the edges": """
        evals/intervals.py mean_interval wilson effective_size newcombe _correlation _dispersion _yes_or_no _are_shares
        evals/arena/ratings.py _at_an_edge
        evals/result.py _ratio_interval
        """,
    "verdicts that no program can forge, attacks by compiled programs": """
        grading/sandbox/channel.py grading/sandbox/tree.py
        grading/sandbox/attacks.py START PROGRAMS Assault _compile_error
        grading/sandbox/slot.py _Watch
        grading/sandbox/forkserver.py close_all_but
        """,
    "forms of code problems and answers": """
        grading/code/reading.py Block blocks _Fence _fence_of program_in _without_fence
        grading/code/trials.py MalformedValue decode_value encode_value _conjunction _arithmetic
        tasks/code.py _tolerance _unpack _entry_of_method _json_pair
        """,
    "logs of other tools graded again": """
        commands/regrade.py _of_one_filter _by_question _sample_of_log _last_question _replies _problem_of _question_of
        evals/reading.py read_sample_sets _evalplus
        """,
    "steps on a processor: compiled, packed, fused": """
        backends/native.py backends/native_learner.py backends/straight_layers.py backends/batch_decoder.py backends/steps.cpp
        backends/causal.py Causal.with_native_steps Causal._agrees Causal._exact
        commands/fitting.py fix_kernels
        sampling/draws.py _Weights DrawSteps _in_nucleus
        backends/local_backend.py Speed measure _products _best _seconds
        """,
    "continuous batching and the cache of rows": """
        sampling/scheduler.py
        backends/cache.py Shapes CachedRow RowStore width_for Bucket Buckets _copy
        backends/torch_engine.py TorchWorker.read TorchWorker.go_on TorchWorker.enter TorchWorker._likeliest TorchWorker._masked
        """,
    "a prompt computed once for its replies": """
        backends/packing.py _Tails _Spans _tails _spans _of_any_length
        backends/causal.py Causal._after_shared_prompts Causal._goes_on_from_a_prompt
        """,
    "phases and time bars": """
        phases.py
        reports/charts.py _time
        """,
    "sampling ahead of learning, partial replies": """
        stages/ask.py Version RolloutSample _Over Ahead file_of _age staleness
        backends/torch_engine.py TorchEngine.offer TorchEngine._take_offer
        types.py VersionSpan
        protocols.py TakesOffers
        """,
    "FSDP2 over ranks": """
        backends/mesh.py backends/node.py backends/shares.py backends/wire.py
        """,
    "Ray": """
        backends/ray_cluster.py backends/ray_machines.py
        """,
    "vLLM": """
        backends/vllm_engine.py backends/vllm_worker.py
        """,
    "hardware looked at before a run": """
        backends/hardware.py
        commands/arguments.py check_machine machine sampling_machine
        """,
    "adapters (LoRA)": """
        backends/lora.py
        types.py Lora
        protocols.py Adaptation
        """,
    "mixtures of experts: the balancing term": """
        backends/causal.py Routing Causal.expert_counts
        backends/torch_learner.py TorchLearner._expert_counts
        """,
    "damaged, quantized, GGUF and long-rope models": """
        backends/checkpoint/loading.py backends/checkpoint/formats.py backends/checkpoint/weights.py backends/checkpoint/config.py
        backends/checkpoint/folder.py ModelFolder signature_of weight_map
        backends/hf.py _auto_tokenizer _templates _try _probe with_positions
        """,
    "chat templates and tokenizers in a process of their own": """
        backends/rendering/
        backends/hf.py HFTokenizer.template HFTokenizer.options HFTokenizer.begin HFTokenizer._render HFTokenizer._write _left_out
        """,
    "the plan of memory and seconds, --fit": """
        plan/
        commands/plan.py
        commands/fitting.py fit_recipe _derived_before learned_stages shapes_of plans_of record_plan prediction record peak_bytes
        commands/fitting.py is_out_of_memory memory_advice
        recipes/costs.py checkpoint_of
        """,
    "groups as tables": """
        rundir/group_table.py
        rundir/groups.py GroupWriter
        types.py NumberArray
        """,
    "files of version 0.1": """
        rundir/old_names.py
        """,
    "aha check, aha groups": """
        rundir/check.py commands/records.py
        """,
    "untrusted rows, tables and JSON within limits": """
        durable/reading.py durable/table_worker.py json_text.py plain.py
        durable/files.py PiecewiseFile is_special
        tasks/reading.py _paths_in _check_card
        """,
    "keys by host, secrets in all encodings": """
        redact/keys.py
        redact/__init__.py _letter _encodings _GuardedStream
        """,
    "manifests as data, recipe files by hash": """
        recipes/assembly.py own_code _is_code SettingNode assemble _stage _tree _Assembly _role _kinds
        commands/choose.py recipe_of_manifest frame_of _same_name _wants_file _check_keys File
        rundir/manifest.py RecipeFile Frame _differs _git
        """,
    "a person's own code kept from ending a run": """
        rewards/own.py
        commands/choose.py own_mistake
        """,
    "prompts, rows and rewards checked before a run": """
        stages/problem_checks.py
        stages/audit.py _Count audited_together template_lines left_out_header inserted_system times_of
        stages/rl.py Rl.ready Rl._prepare Rl._problems Rl._keep_problems Rl.rows_digest Rl.longest_reply Rl._early_end
        commands/run.py check_inputs base_of _check_stage _check_prompts _check_count _check_model
        pipeline/graph.py check_last_steps
        """,
    "rows in other tools' forms": """
        tasks/chats.py
        tasks/forms.py RowForm _with_system _object _kind_of
        tasks/reading.py SourceFile sources_of _source_with_weight _of_split split_of _from_cells _text_lines _has_configurations
        tasks/examples.py ExampleRows
        tasks/golds.py _places _side_by_side _entry_point
        tasks/mixture.py MixedProblems
        """,
    "BOS, template options, forms by domain": """
        template.py ChatTemplate _option of_domain prompt_after one_question
        """,
    "word problems on a real model": """
        tasks/word_problems.py recipes/word_problems.py
        evals/benchmarks/tiny.py _word_examples last_number grade_last_number WORD_PROBLEMS
        """,
    "thoughts of a served model forced": """
        stages/served_lab.py
        commands/scaling_lab.py _scale_server _force_server
        """,
    "export and trackers": """
        commands/export.py commands/track.py
        """,
    "the server's limits and further parameters": """
        serving/access.py serving/listener.py
        serving/chat/jobs.py EngineThread LoopMailbox LoopPost
        serving/chat/request.py Parameters CompletionRequest _prompts _prompt
        serving/chat/reader.py StopText
        serving/chat/response.py ReplyResponse._logprobs ReplyResponse._entry ReplyResponse._likely
        """,
    "shell completion": """
        commands/catalog.py completion_flags run_completion
        """,
}


def git(*words: str) -> str:
    """What git prints."""
    return subprocess.run(("git", *words), check=True, capture_output=True, text=True, timeout=60).stdout


def sources(commit: str, endings: tuple[str, ...]) -> dict[str, str]:
    """The text of each file of the package at a commit, by its path below `aha/`."""
    paths = git("ls-tree", "-r", "--name-only", commit, "aha").split()
    return {path.removeprefix("aha/"): git("show", f"{commit}:{path}") for path in paths if path.endswith(endings)}


def definitions(text: str) -> dict[str, int]:
    """The lines of each function, class, method and long constant of a file, decorators included, by its name."""
    sizes: Counter[str] = Counter()  # a property and its setter share a name
    for node in ast.parse(text).body:
        for name, size in _of_node(node, ""):
            sizes[name] += size
    return dict(sizes)


def _of_node(node: ast.stmt, prefix: str) -> list[tuple[str, int]]:
    end = node.end_lineno or node.lineno
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        inner = [size for part in node.body for size in _of_node(part, f"{node.name}.")] if isinstance(node, ast.ClassDef) else []
        return [(prefix + node.name, end - start + 1), *inner]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [(prefix + target.id, end - node.lineno + 1) for target in targets if isinstance(target, ast.Name)]


def new_lines(files: dict[str, str]) -> tuple[dict[str, Counter[str]], list[str]]:
    """The lines of each feature by file, and the entries of `SINCE` that name nothing in these files."""
    lines: dict[str, Counter[str]] = {feature: Counter() for feature in SINCE}
    missing: list[str] = []
    for feature, table in SINCE.items():
        for row in table.strip().splitlines():
            path, *names = row.split()
            if not names or "/" in names[0] or names[0].endswith(".py"):
                for whole in row.split():
                    matches = [file for file in files if file == whole or (whole.endswith("/") and file.startswith(whole))]
                    missing += [] if matches else [whole]
                    lines[feature].update({file: len(files[file].splitlines()) for file in matches})
                continue
            sizes = definitions(files.get(path, ""))
            missing += [f"{path} {name}" for name in names if name not in sizes]
            lines[feature].update({path: sum(sizes.get(name, 0) for name in names)})
    return lines, missing


def by_room(sizes: dict[str, int]) -> Counter[str]:
    """The lines of each group of rooms."""
    room_of = {room: group for group, rooms in ROOMS.items() for room in rooms.split()}
    counts: Counter[str] = Counter()
    for path, size in sizes.items():
        counts[room_of[path.split("/")[0].removesuffix(".py")]] += size
    return counts


def main(commit: str = "HEAD") -> None:
    """Print the tables in Markdown."""
    then = {path: len(text.splitlines()) for path, text in sources(START, (".py",)).items()}
    files = sources(commit, (".py", ".cpp"))
    now = {path: len(text.splitlines()) for path, text in files.items()}
    new, missing = new_lines(files)
    came: Counter[str] = Counter()
    for counts in new.values():
        came.update(counts)
    old = {path: size - came[path] for path, size in now.items()}
    rows_then, rows_old, rows_new = by_room(then), by_room(old), by_room(dict(came))
    print("| rooms | then | now, of the same features | new features |\n|---|---|---|---|")
    for group in ROOMS:
        print(f"| {group} | {rows_then[group]:,} | {rows_old[group]:,} | {rows_new[group]:,} |")
    print(f"| all | {sum(then.values()):,} | {sum(old.values()):,} | {sum(came.values()):,} |\n")
    print("| new feature | lines |\n|---|---|")
    for feature, counts in sorted(new.items(), key=lambda pair: -pair[1].total()):
        print(f"| {feature} | {counts.total():,} |")
    print(f"\n{sum(old.values()) - sum(then.values()):+,} lines for what existed then; the goal is -{GOAL:,}")
    for entry in missing:
        print(f"not in {commit}: {entry}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:])
