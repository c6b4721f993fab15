"""What MediaPipe's `ImageClassifier` answers, beside what our client does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import mediapipe as mp
from mediapipe.tasks.python import vision
from mediapipe.tasks.python.core.base_options import BaseOptions

import mobilevit
from mobilevit_export.photos import packaged_photos

Answer = list[tuple[int, str, float]]  # index, label and probability of every class, best first


def answers(bundle: Path, file: str) -> Iterator[tuple[Answer, Answer]]:
    """MediaPipe's and ours, of six photos."""
    client = mobilevit.load(bundle, file)
    count = len(client.labels)
    options = vision.ImageClassifierOptions(
        base_options=BaseOptions(model_asset_path=str(bundle / file)), max_results=count
    )
    with vision.ImageClassifier.create_from_options(options) as classifier:
        for photo in packaged_photos(6):
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=client.pixels(photo.image))
            [classification] = classifier.classify(image).classifications
            theirs = [(c.index, c.category_name, c.score) for c in classification.categories]
            ours = client.classify(photo.image, top=count)
            yield theirs, [(p.index, p.label, p.probability) for p in ours]
