"""timm's model with our weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mobilevit.errors import ConversionError, MissingDependencyError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mobilevit.checkpoint import Checkpoint

TOLERANCE = 1e-5  # of a logit


def timm_twin(checkpoint: Checkpoint, images: Tensor) -> nn.Module:
    """The model of the same name as timm draws it, in eval mode.

    Args:
        checkpoint: of a MobileViT, with the config of its name.
        images: float32 (B, 3, H, W), RGB, 0..1, to compare the two on.

    Raises:
        MissingDependencyError: timm is not installed.
        ConversionError: timm's is not the same function.
    """
    import torch

    from mobilevit.models.foreign import convert_foreign_weights

    try:
        import timm
    except ImportError as error:
        raise MissingDependencyError("timm", "peers") from error
    twin = timm.create_model(checkpoint.name, num_classes=len(checkpoint.labels))
    theirs, ours = twin.state_dict(), checkpoint.model.state_dict()
    # no tensor is joined or dropped, and their order is kept
    names = zip(theirs, convert_foreign_weights(theirs), strict=True)
    twin.load_state_dict({name: ours[own].reshape(theirs[name].shape) for name, own in names})
    twin.eval().requires_grad_(False)
    with torch.inference_mode():
        difference = float((twin(images) - checkpoint.model(images)).abs().max())
    if not difference <= TOLERANCE:
        raise ConversionError(
            f"timm's {checkpoint.name} with the same weights differs by {difference:.1e} "
            f"(allowed {TOLERANCE:g} of a logit)",
            "compare with the version of timm that this release names",
        )
    return twin
