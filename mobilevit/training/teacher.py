"""A teacher: a trained model whose answers are learnt beside the labels.

Source: DeiT, "Training data-efficient image transformers & distillation through attention" (Touvron
et al., ICML 2021, arXiv:2012.12877), section 4. Soft: (1 - w) CE(student, label) + w t^2
KL(student / t, teacher / t). Hard: (1 - w) CE(student, label) + w CE(student, teacher's choice).
A MobileViT has no distillation token; in its place `distillation_head` gives it a second classifier
on the same features, which learns all classes of the teacher and is left out of the checkpoint.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..checkpoint import load_checkpoint, load_weights, read_weights
from ..data.dataset import EvalDataset
from ..data.image_folder import ImageFolder
from ..errors import InputError, MissingDependencyError, reason, unknown_name
from ..models.published import timm_preprocessing, torchvision_preprocessing
from ..models.registry import TIMM_PREFIX
from ..preprocessing import Preprocessing, normalize
from .recipe import Recipe

TORCHVISION_PREFIX = "torchvision:"
_BATCH = 64


class Teacher:
    """Answers for a batch, without gradients; no part of what is trained or saved."""

    def __init__(
        self, model: nn.Module, preprocessing: Preprocessing, columns: list[int] | None, bf16: bool
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.preprocessing = preprocessing
        self.columns = columns  # of its outputs, those of the student's classes; None: all
        self.bf16 = bf16

    def __deepcopy__(self, memo: dict[int, Any]) -> Teacher:
        return self  # the average of the weights does not need a teacher of its own

    def to(self, device: torch.device) -> None:
        self.model.to(device)

    def __call__(self, pixels: Tensor) -> Tensor:
        """(B, 3, H, W), 0..255, as the student sees them -> logits (B, classes), float32"""
        x = normalize(pixels.float(), self.preprocessing)
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16):
            logits = self.model(x).float()
        return logits if self.columns is None else logits[:, self.columns]


def answer_images(
    teacher: Teacher, folder: ImageFolder, images: Iterable[int], device: torch.device
) -> Tensor:
    """What `teacher` says of whole images, at its own size. (all images, classes), float16; zeros
    for those that are not among `images`."""
    dataset = EvalDataset(folder, teacher.preprocessing)
    answers: Tensor | None = None
    for indices in _batches(images):
        with ThreadPoolExecutor() as pool:
            pixels = torch.stack([item[0] for item in pool.map(dataset.__getitem__, indices)])
        logits = teacher(pixels.to(device)).half()
        if answers is None:
            answers = logits.new_zeros(len(dataset), logits.shape[1])
        answers[indices] = logits
    assert answers is not None
    return answers


def _batches(items: Iterable[int]) -> Iterator[list[int]]:
    remaining = iter(items)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def load_teacher(recipe: Recipe, classes: Sequence[str]) -> tuple[Teacher, int]:
    """The teacher of `recipe` for students of `classes`, and how many outputs are learnt from it.

    Raises:
        InputError: no such model, weights that are not its own, or outputs that cannot be told to
            be the student's classes.
    """
    name, file = recipe.teacher, recipe.teacher_weights
    known: list[str] = []  # the teacher's class folders, in order, where it has them
    if name.startswith(TIMM_PREFIX):
        model, preprocessing = _timm_model(name.removeprefix(TIMM_PREFIX), file)
    elif name.startswith(TORCHVISION_PREFIX):
        model, preprocessing = _torchvision_model(name.removeprefix(TORCHVISION_PREFIX), file)
    else:
        if file:
            raise InputError("`teacher_weights` is for a teacher of timm or torchvision")
        checkpoint = load_checkpoint(name)
        model, preprocessing, known = checkpoint.model, checkpoint.preprocessing, checkpoint.classes
    if recipe.teacher_classes:
        known = _class_index(Path(recipe.teacher_classes))
    crops = {recipe.image_size, *recipe.train_sizes, *recipe.multi_scale}
    whole = recipe.teacher_view == "image"  # which it sees at its own size
    sizes = {preprocessing.image_size} if whole else {(side, side) for side in crops}
    outputs = _outputs(name, model, sizes)
    if recipe.distillation_head:
        columns, learnt = None, outputs
    else:
        columns, learnt = _columns(name, outputs, known, classes), len(classes)
    return Teacher(model, preprocessing, columns, recipe.teacher_precision == "bf16"), learnt


def distillation_loss(student: Tensor, teacher: Tensor, recipe: Recipe) -> Tensor:
    """Of logits (B, classes) each, without the weight; see the top of the file."""
    if recipe.distillation == "hard":
        return F.cross_entropy(student, teacher.argmax(dim=1))
    t = recipe.distillation_temperature
    divergence = F.kl_div(
        F.log_softmax(student / t, dim=1),
        F.log_softmax(teacher / t, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return divergence * (t * t)


def _timm_model(name: str, file: str) -> tuple[nn.Module, Preprocessing]:
    try:
        import timm
    except ImportError as error:
        raise MissingDependencyError("timm", "peers") from error
    if not timm.is_model(name):
        raise unknown_name("timm model", name, timm.list_models())
    if file:
        tensors = read_weights(Path(file))
        model = timm.create_model(name)
        load_weights(model, _timm_names(tensors, model), Path(file), name)
    else:
        model = _downloaded(lambda: timm.create_model(name, pretrained=True), name)
    return model, timm_preprocessing(model)


def _torchvision_model(name: str, file: str) -> tuple[nn.Module, Preprocessing]:
    import torchvision.models
    from torchvision.models import get_model, list_models

    known = list_models(module=torchvision.models)  # classifiers alone
    if name not in known:
        raise unknown_name("torchvision model", name, known)
    if file:
        model = get_model(name, weights=None)
        load_weights(model, read_weights(Path(file)), Path(file), name)
    else:
        model = _downloaded(lambda: get_model(name, weights="DEFAULT"), name)
    return model, torchvision_preprocessing(name, file)


def _downloaded(make: Any, name: str) -> nn.Module:
    """A model with weights from its project's server or from the cache of an earlier download."""
    try:
        return make()
    except (OSError, RuntimeError) as error:  # RuntimeError: a source without weights
        raise InputError(
            f"the weights of `{name}` cannot be had: {reason(error)}",
            "name a file with `teacher_weights`",
        ) from error


@torch.no_grad()
def _outputs(name: str, model: nn.Module, sizes: set[tuple[int, int]]) -> int:
    """How many classes it tells apart, seen on a blank image of every size it will be shown."""
    shape: tuple[int, ...] = ()
    for H, W in sorted(sizes):
        try:
            shape = tuple(model.eval()(torch.zeros(1, 3, H, W)).shape)
        except (AssertionError, RuntimeError, ValueError) as error:
            raise InputError(
                f"`{name}` cannot be shown images of {W}x{H}: {reason(error)}",
                "train on the size it was made for, or take a teacher without a size of its own",
            ) from error
    if len(shape) != 2 or shape[1] < 2:
        raise InputError(f"`{name}` is no classifier: it answers in {shape}", "take another")
    return shape[1]


def _class_index(path: Path) -> list[str]:
    """Class folders by output, from `{"0": ["n01440764", "tench"], …}`."""
    try:
        content = json.loads(path.read_text())
        return [str(content[str(index)][0]) for index in range(len(content))]
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(
            f"`{path}` is not a class index: {reason(error)}",
            'expected JSON {"0": ["folder", "label"], …}',
        ) from error


def _columns(
    name: str, outputs: int, known: Sequence[str], classes: Sequence[str]
) -> list[int] | None:
    if not known and outputs == len(classes):
        return None  # the same classes in the same order, as whoever trained it says
    if known and len(known) != outputs:
        raise InputError(f"`{name}` has {outputs} outputs, and {len(known)} classes are named")
    missing = [c for c in classes if c not in known]
    if missing:
        raise InputError(
            f"nothing says which of the {outputs} outputs of `{name}` is class `{missing[0]}`",
            "name them with `teacher_classes`, or learn them all with `distillation_head=true`",
        )
    return [known.index(c) for c in classes]


_HEADS = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
_HEADS |= {"_fc": "classifier"}
_BLOCK = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
_BLOCK |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
_FIRST = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}


def _timm_names(tensors: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """EfficientNet-PyTorch's names, which count blocks through, become timm's, by stage; others
    stay as they are."""
    if "_conv_stem.weight" not in tensors or not hasattr(model, "blocks"):
        return tensors
    stages = model.get_submodule("blocks").named_children()
    places = [f"blocks.{s}.{b}" for s, stage in stages for b, _ in stage.named_children()]
    renamed: dict[str, Tensor] = {}
    for key, value in tensors.items():
        match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(.+)", key)
        if match and int(match[1]) < len(places):
            expanded = f"_blocks.{match[1]}._expand_conv.weight" in tensors
            part = (_BLOCK if expanded else _FIRST).get(match[2], match[2])
            renamed[f"{places[int(match[1])]}.{part}.{match[3]}"] = value
        else:
            part, _, tail = key.partition(".")
            renamed[f"{_HEADS.get(part, part)}.{tail}"] = value
    return renamed
