"""Tasks of the lm-evaluation-harness (EleutherAI), on the model of a chain: ``lm-eval:<task>``.

A task is one of the harness by name, or the path of a YAML file of one's own. What it reads must be on this machine: a task
whose data lies on the hub needs a network, or a copy in the cache.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from tokenizers import Tokenizer as Encoder
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.errors import UserError

from ..model.network import LanguageModel

BATCH = 64
"""Requests at once."""


@dataclass(frozen=True)
class Task:
    """A task that was loaded, and the metric of it that is read."""

    manager: TaskManager
    task: Any
    metric: str


def lm_eval(inputs: MetricInputs, argument: str) -> float:
    """Evaluate the model on a task by the first metric that the task declares, higher is better: an accuracy in most.

    Prompts, few-shot examples and filters are the task's own. Every request starts with the token that begins a block, and is cut
    from the left to what the model can read.

    Raises UserError for a task that is unknown or cannot be loaded, for a group of tasks, and for one whose first metric is
    better when lower.
    """
    task: Task = inputs.once(f"lm-eval {argument}", lambda: load(argument))
    found = simple_evaluate(
        _wrapped(inputs.model),
        tasks=[task.task],
        task_manager=task.manager,
        bootstrap_iters=0,
        log_samples=False,
        # None leaves the global generators alone; the choice of few-shot examples has a seed of its own.
        random_seed=None,
        numpy_random_seed=None,
        torch_random_seed=None,
    )
    (values,) = found["results"].values()
    # Keys are "metric,filter"; the first filter is the task's main one.
    return float(next(value for key, value in values.items() if key.partition(",")[0] == task.metric))


def check(adapter: object, argument: str) -> None:
    """Raise UserError for a task that is unknown, and for one of one's own that cannot be loaded.

    One of the harness is not loaded yet: that may download its data.
    """
    if _is_own(argument):
        load(argument)
    else:
        _manager(argument)


def load(argument: str) -> Task:
    """Load a task by name or path. Raises UserError as `lm_eval` does."""
    where, manager = _where(argument), _manager(argument)
    try:
        loaded = manager.load(argument)
    except Exception as error:  # whatever the harness and the data sets library come across
        raise UserError(f"{where}: the task cannot be loaded: {type(error).__name__}: {error}") from error
    if loaded["groups"] or len(loaded["tasks"]) != 1:
        raise UserError(f"{where}: a group of tasks; name one of them: {', '.join(sorted(loaded['tasks']))}")
    (task,) = loaded["tasks"].values()
    metric, rises = next(iter(task.higher_is_better().items()))
    if not rises:
        raise UserError(f"{where}: its first metric, {metric}, is better when lower; a task with an accuracy first is needed")
    return Task(manager, task, metric)


def _where(argument: str) -> str:
    return f"metric 'lm-eval:{argument}'"


def _is_own(argument: str) -> bool:
    return Path(argument).suffix in (".yaml", ".yml")


def _manager(argument: str) -> TaskManager:
    """Give what knows a task. Raises UserError where nothing does."""
    own = _is_own(argument)
    if own and not Path(argument).is_file():
        raise UserError(f"{_where(argument)}: {argument}: no such task file")
    manager = TaskManager(include_defaults=not own)
    if not own and argument not in manager.all_tasks:
        near = get_close_matches(argument, manager.all_tasks, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise UserError(
            f"{_where(argument)}: the harness has no such task; {hint}`lm-eval ls tasks` lists them, and a YAML file may be "
            "named by its path"
        )
    return manager


def _wrapped(model: LanguageModel) -> HFLM:
    encoder = Encoder.from_str(model.tokenizer.encoder.to_str())  # a copy: the chain's own puts nothing before a text
    begin = encoder.id_to_token(model.tokenizer.begin)
    encoder.post_processor = TemplateProcessing(single=f"{begin} $A", special_tokens=[(begin, model.tokenizer.begin)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=encoder, bos_token=begin, eos_token=begin, pad_token=begin)
    return HFLM(
        pretrained=model.network,
        tokenizer=tokenizer,
        backend="causal",
        batch_size=BATCH,
        prefix_token_id=model.tokenizer.begin,
    )
