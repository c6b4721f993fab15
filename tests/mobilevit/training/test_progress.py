"""Time left, from what was measured."""

from __future__ import annotations

import pytest

from mobilevit.training.progress import Forecast
from mobilevit.training.recipe import Recipe

STEPS = 10  # of an epoch


def half_an_epoch(recipe: Recipe) -> Forecast:
    forecast = Forecast(recipe)
    for _ in range(STEPS // 2):
        forecast.step(seconds=2.0, images=32, epoch=0, share=1 / STEPS)
    return forecast


def test_epochs_cost_as_their_pixels() -> None:
    recipe = Recipe(epochs=3, image_size=128, train_sizes=(64, 96, 128), validate_every=3)
    forecast = half_an_epoch(recipe)
    forecast.validation_s = 7.0
    epoch_s = 2.0 * STEPS
    expected = epoch_s * (0.5 + (96 / 64) ** 2 + (128 / 64) ** 2) + 7.0
    assert forecast.seconds_left(0, 0.5, 0.1) == pytest.approx(expected)
    assert forecast.images_per_s == 16
    # with crops of one size it is another figure
    alike = half_an_epoch(recipe.model_copy(update={"train_sizes": ()}))
    alike.validation_s = 7.0
    assert alike.seconds_left(0, 0.5, 0.1) == pytest.approx(epoch_s * 2.5 + 7.0)


def test_multi_scale_epochs_cost_the_same() -> None:
    recipe = Recipe(epochs=4, image_size=128, multi_scale=(96, 128, 160))
    forecast = half_an_epoch(recipe)
    forecast.validation_s = 3.0
    assert forecast.seconds_left(0, 0.5, 0.1) == pytest.approx(2.0 * STEPS * 3.5 + 4 * 3.0)
    assert forecast.seconds_left(3, 1.0, 0.1) == pytest.approx(3.0)
    assert forecast.seconds_left(4, 0.0, 0.1) == 0


def test_a_validation_is_guessed_until_there_was_one() -> None:
    recipe = Recipe(epochs=1, image_size=128)
    assert Forecast(recipe).seconds_left(0, 0.0, 0.3) is None
    # 0.3 images for each of training, without a backward pass
    expected = 2.0 * STEPS * (0.5 + 0.3 / 3)
    assert half_an_epoch(recipe).seconds_left(0, 0.5, 0.3) == pytest.approx(expected)


def test_old_steps_are_forgotten() -> None:
    forecast = half_an_epoch(Recipe(epochs=1))
    for _ in range(50):
        forecast.step(seconds=0.5, images=32, epoch=0, share=1 / STEPS)
    assert forecast.images_per_s == 64
