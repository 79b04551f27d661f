"""Tasks of the lm-evaluation-harness (EleutherAI), on the model of a chain: ``lm-eval:<task>``.

A task is one of the harness by name, or the path of a YAML file. What it reads must be on this machine: a task whose data lies
on the hub needs a network, or a copy in the cache. The code of the harness's own tasks is installed with it; that which a YAML
file names is run only where the user allows it (`fortifai.permission`).
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2.exceptions import SecurityError
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from tokenizers import Tokenizer as Encoder
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from fortifai.contract.metric_inputs import MetricInputs
from fortifai.errors import UserError, did_you_mean
from fortifai.permission import code_is_allowed

from ..model.network import LanguageModel
from .task_code import refused_code, require_no_code, sandboxed_templates

if TYPE_CHECKING:
    from ..adapter import LanguageModelAdapter

BATCH = 64
"""Requests that are computed at once."""


@dataclass(frozen=True)
class Task:
    """A task that was loaded.

    Attributes:
        manager: What loaded it.
        task: The harness's own object.
        metric: The first metric that the task declares, which is the one that is read.
    """

    manager: TaskManager
    task: Any
    metric: str


def lm_eval(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]", argument: str) -> float:
    """Return how well the model does a task, by the first metric that the task declares: an accuracy in most.

    Prompts, few-shot examples and filters are the task's own. Every request starts with the token that begins a block, and is cut
    from the left to what the model can read.

    Args:
        inputs: The generation; its model alone is read.
        argument: The task's name, or the path of its YAML file.

    Raises:
        UserError: The task is unknown or cannot be loaded, it names code that the user has not allowed, it is a group of tasks,
            or its first metric is better when lower.
    """
    task: Task = inputs.once(f"lm-eval {argument}", lambda: load(argument))
    with _templates(argument):
        evaluation = simple_evaluate(
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
    (values,) = evaluation["results"].values()
    # Keys are "metric,filter"; the first filter is the task's main one.
    return float(next(value for key, value in values.items() if key.partition(",")[0] == task.metric))


def lm_eval_last(inputs: "MetricInputs[LanguageModelAdapter, LanguageModel]", argument: str) -> float:
    """Return what `lm_eval` does of the weights of the fit's last epoch, whichever epoch was kept. Arguments as of `lm_eval`."""
    with inputs.model.at_last_epoch():
        return lm_eval(inputs, argument)


def check(adapter: object, argument: str) -> None:
    """Raise UserError for a task that is unknown or cannot be loaded, such as one whose data is neither here nor in reach.

    Data of the hub is downloaded, as it is for a text: the model is measured by it after hours of training.

    Args:
        adapter: Not looked at: whether a task can be used does not depend on the text.
        argument: The task's name, or the path of its YAML file.
    """
    load(argument)


def load(argument: str) -> Task:
    """Load a task by its name or the path of its YAML file. Raises UserError as `lm_eval` does."""
    where, manager = _where(argument), _manager(argument)
    if _is_file(argument) and not code_is_allowed():
        require_no_code(Path(argument), where)
    try:
        with _templates(argument):
            loaded = manager.load(argument)
    except SecurityError as error:
        raise refused_code(where, f"a template, as {error}") from None
    except Exception as error:  # whatever the harness and the datasets library meet
        raise UserError(f"{where}: the task cannot be loaded: {type(error).__name__}: {error}") from error
    if loaded["groups"] or len(loaded["tasks"]) != 1:
        raise UserError(f"{where}: this is a group of tasks; name one of them: {', '.join(sorted(loaded['tasks']))}")
    (task,) = loaded["tasks"].values()
    metric, rises = next(iter(task.higher_is_better().items()))
    if not rises:
        raise UserError(f"{where}: its first metric, {metric}, is better when lower; a task with an accuracy first is needed")
    return Task(manager, task, metric)


def _templates(argument: str) -> AbstractContextManager[None]:
    """Return the context in which the templates of a task are rendered."""
    return sandboxed_templates() if _is_file(argument) and not code_is_allowed() else nullcontext()


def _where(argument: str) -> str:
    return f"metric 'lm-eval:{argument}'"


def _is_file(argument: str) -> bool:
    return Path(argument).suffix in (".yaml", ".yml")


@cache
def _all_tasks() -> TaskManager:
    """Return the harness's own tasks: to find them takes seconds."""
    return TaskManager()


def _manager(argument: str) -> TaskManager:
    """Return what can load a task. Raises UserError if nothing can."""
    is_file = _is_file(argument)
    if is_file and not Path(argument).is_file():
        raise UserError(f"{_where(argument)}: {argument}: no such task file")
    manager = TaskManager(include_defaults=False) if is_file else _all_tasks()
    if not is_file and argument not in manager.all_tasks:
        hint = did_you_mean(argument, manager.all_tasks)
        raise UserError(
            f"{_where(argument)}: the harness has no such task; {f'{hint} ' if hint else ''}`lm-eval ls tasks` lists them, and a "
            "YAML file may be named by its path"
        )
    return manager


def _wrapped(model: LanguageModel) -> HFLM:
    """Return the model as the harness asks it, its tokenizer putting the begin token before every text."""
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
