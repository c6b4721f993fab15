"""A checkpoint: one `.safetensors` file with weights and everything needed to use them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from .bundle import ClassSummary
from .errors import CheckpointError, InputError, first_fault, unknown_name
from .files import atomic_file
from .models import create_model, describe_config
from .models.foreign import convert_foreign_weights, foreign_source
from .models.published import timm_preprocessing
from .models.registry import TIMM_PREFIX
from .preprocessing import Preprocessing

SCHEMA_VERSION = 1
_DTYPES = {"fp32": torch.float32, "fp16": torch.float16}


class CheckpointMetadata(BaseModel):
    """What a checkpoint says of itself, beside its weights."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    model: str
    config: dict[str, Any]
    labels: list[str]
    classes: list[str] = []
    preprocessing: Preprocessing
    data: dict[str, ClassSummary] = {}
    recipe: dict[str, Any] = {}
    measured: dict[str, Any] = {}


@dataclass
class Checkpoint:
    """A model with its weights, in eval mode, and what belongs to it."""

    name: str  # registered model name
    model: nn.Module
    labels: list[str]  # for people, in the order of the outputs
    preprocessing: Preprocessing
    classes: list[str] = field(default_factory=list)  # names of the class folders, likewise
    data: dict[str, ClassSummary] = field(default_factory=dict)  # "train" and "val", where known
    recipe: dict[str, Any] = field(default_factory=dict)  # how it was trained
    measured: dict[str, Any] = field(default_factory=dict)  # what training measured
    sha256: str = ""  # of the file it was read from


def save_checkpoint(path: Path, checkpoint: Checkpoint, precision: str = "fp32") -> None:
    """Write `checkpoint` to `path`; with `precision="fp16"`, floating-point weights are halved.

    Raises:
        CheckpointError: a weight is not finite in the chosen precision.
        InputError: the file cannot be written.
    """
    dtype = _DTYPES[precision]
    tensors: dict[str, Tensor] = {}
    for key, value in checkpoint.model.state_dict().items():
        value = value.detach().cpu()
        tensors[key] = (value.to(dtype) if value.is_floating_point() else value).contiguous()
        if not torch.isfinite(tensors[key]).all():
            raise CheckpointError(f"`{key}` is not finite in {precision}", "save it as fp32")
    metadata = CheckpointMetadata(
        model=checkpoint.name,
        config=describe_config(checkpoint.name, checkpoint.model),
        labels=checkpoint.labels,
        classes=checkpoint.classes,
        preprocessing=checkpoint.preprocessing,
        data=checkpoint.data,
        recipe=checkpoint.recipe,
        measured=checkpoint.measured,
    )
    content = save(tensors, metadata={"mobilevit": metadata.model_dump_json()})
    with atomic_file(path) as aside:
        aside.write_bytes(content)  # safetensors' own writer hides which error the disk gave


def shipped_weights() -> dict[str, Path]:
    """Weights inside the package, by name, such as `mobilevit_xxs.imagenette`."""
    folder = Path(str(resources.files("mobilevit"))) / "weights"
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def load_checkpoint(path: str | Path, model: str | None = None) -> Checkpoint:
    """Read a checkpoint.

    Args:
        path: a file, or the name of weights that ship with the package.
        model: the registered name of the architecture; only for weights from elsewhere (timm,
            ml-cvnets, Hugging Face; `.safetensors`, `.pt`, `.pth`, `.bin`), which do not say.

    Returns:
        The model in float32 and eval mode, whatever precision the file has.

    Raises:
        CheckpointError: missing, cut off, a pickle with code in it, or of another architecture.
    """
    file = _find(path)
    if file.suffix == ".safetensors":
        tensors, text = _read_safetensors(file)
        if text is not None:
            return _native(file, tensors, _parse_metadata(file, text), model)
    elif file.suffix in (".pt", ".pth", ".bin"):
        tensors = _read_torch(file)
    else:
        raise CheckpointError(
            f"`{file}` is not a checkpoint",
            "expected .safetensors, or .pt, .pth, .bin holding weights alone",
        )
    if model is None:
        raise CheckpointError(
            f"`{file}` does not name its architecture", "say which with `--model NAME`"
        )
    return _foreign(file, tensors, model)


def _find(path: str | Path) -> Path:
    shipped = shipped_weights()
    if str(path) in shipped:
        return shipped[str(path)]
    file = Path(path)
    if file.is_dir():
        raise CheckpointError(
            f"`{file}` is a folder", f"name the file, such as `{file}/checkpoint.safetensors`"
        )
    if file.is_file():
        return file
    if file.suffix in (".safetensors", ".pt", ".pth", ".bin") or len(file.parts) > 1:
        raise CheckpointError(f"there is no file `{file}`", "check the path")
    error = unknown_name("checkpoint", str(path), shipped, "shipped weights")
    raise CheckpointError(error.message, error.hint)


def read_weights(file: Path) -> dict[str, Tensor]:
    """The tensors of a `.safetensors` file, or of a `.pt`, `.pth` or `.bin` with weights alone.

    Raises:
        CheckpointError: missing, cut off, or a pickle with code in it.
    """
    if not file.is_file():
        raise CheckpointError(f"there is no file `{file}`", "check the path")
    return _read_safetensors(file)[0] if file.suffix == ".safetensors" else _read_torch(file)


def _read_safetensors(file: Path) -> tuple[dict[str, Tensor], str | None]:
    try:
        with safe_open(file, framework="pt") as reader:
            metadata = reader.metadata() or {}
            return {k: reader.get_tensor(k) for k in reader.keys()}, metadata.get("mobilevit")  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"`{file}` cannot be read as safetensors: {error}",
            "the file is cut off or damaged; copy or train it again",
        ) from error


def _parse_metadata(file: Path, text: str) -> CheckpointMetadata:
    try:
        metadata = CheckpointMetadata.model_validate_json(text)
    except ValidationError as error:
        raise CheckpointError(
            f"`{file}` has metadata this version does not understand: {first_fault(error)}",
            "read it with the version that wrote it",
        ) from error
    if metadata.schema_version != SCHEMA_VERSION:
        raise CheckpointError(
            f"`{file}` has schema version {metadata.schema_version}, not {SCHEMA_VERSION}",
            "read it with the version that wrote it",
        )
    return metadata


def _read_torch(file: Path) -> dict[str, Tensor]:
    """Weights from a `.pt` file, without running what a pickle may carry."""
    from pickle import UnpicklingError

    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise CheckpointError(
            f"`{file}` is a pickle with more in it than weights, and was not opened",
            "load it where you trust it and save its state dict as .safetensors",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"`{file}` cannot be read: {str(error).splitlines()[0]}",
            "the file is cut off or damaged; copy it again",
        ) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise CheckpointError(f"`{file}` holds no state dict", "save the model's state dict")
    return content


def _native(
    file: Path, tensors: dict[str, Tensor], metadata: CheckpointMetadata, model: str | None
) -> Checkpoint:
    if model not in (None, metadata.model):
        raise CheckpointError(
            f"`{file}` holds `{metadata.model}`, not `{model}`", "leave out `--model`"
        )
    try:
        module = create_model(metadata.model, **metadata.config)
    except InputError as error:
        raise CheckpointError(f"`{file}`: {error.message}", error.hint) from error
    outputs = describe_config(metadata.model, module)["num_classes"]
    if len(metadata.labels) != outputs:
        raise CheckpointError(
            f"`{file}` has {len(metadata.labels)} label(s) for {outputs} outputs",
            "the file is damaged; copy or train it again",
        )
    load_weights(module, tensors, file, metadata.model)
    return Checkpoint(
        name=metadata.model,
        model=module.eval(),
        labels=metadata.labels,
        classes=metadata.classes,
        preprocessing=metadata.preprocessing,
        recipe=metadata.recipe,
        data=metadata.data,
        measured=metadata.measured,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
    )


def _foreign(file: Path, tensors: dict[str, Tensor], model: str) -> Checkpoint:
    if model.startswith(TIMM_PREFIX):
        published: Any = create_model(model)
        head = f"{published.default_cfg['classifier']}.weight"
        preprocessing = timm_preprocessing(published)
    else:
        head = "classifier.weight"
        preprocessing = foreign_source(tensors).preprocessing
        tensors = convert_foreign_weights(tensors)
    # a state dict without a head is refused when it is loaded, with the name of what is missing
    classes = tensors[head].shape[0] if head in tensors else 1000
    module = create_model(model, num_classes=classes)
    load_weights(module, tensors, file, model)
    return Checkpoint(
        name=model,
        model=module.eval(),
        labels=[f"class {index}" for index in range(classes)],
        preprocessing=preprocessing,
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
    )


def load_weights(module: nn.Module, tensors: dict[str, Tensor], file: Path, name: str) -> None:
    """Copy `tensors` into `module`, every key and every shape accounted for.

    Raises:
        CheckpointError: a key is missing, left over, or of another shape.
    """
    expected = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    missing = sorted(expected.keys() - tensors.keys())
    extra = sorted(tensors.keys() - expected.keys())
    shapes = [k for k in expected.keys() & tensors.keys() if tuple(tensors[k].shape) != expected[k]]
    if missing or extra or shapes:
        if missing:
            fault = f"`{missing[0]}` is missing, the first of {len(missing)}"
        elif extra:
            fault = f"`{extra[0]}` is not in the model"
        else:
            key = min(shapes)
            fault = f"`{key}` is {tuple(tensors[key].shape)}, the model's is {expected[key]}"
        raise CheckpointError(
            f"`{file}` does not hold the weights of `{name}`: {fault}",
            "name the architecture the weights were trained with",
        )
    module.load_state_dict(tensors)
