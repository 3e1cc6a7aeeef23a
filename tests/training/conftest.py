import pytest

from syda.training.augment import Augment
from syda.training.recipe import Recipe


@pytest.fixture
def recipe() -> Recipe:
    """A few steps on volumes of 16 voxels a side, both penalties in each."""
    return Recipe(
        seed=0,
        images=16,
        coarse_images=0,
        fade_images=8,
        batch=4,
        generator_lr=0.01,
        discriminator_lr=0.01,
        decay_share=0.0,
        loss="nonsaturating",
        r1_weight=0.001,
        r1_interval=1,
        path_weight=1.0,
        path_interval=1,
        ema_half_life=8,
        ema_ramp=1.0,
        style_mixing=0.5,
        property_dropout=0.1,
        property_blur=0.1,
        augment=Augment(8.0, 0.1, 0.1, 0.02, 0.02, 0.3),
        augment_probability=0.5,
        augment_target=0.0,
        augment_images=1000,
        augment_limit=0.8,
        patience_images=1000,
        bfloat16=False,
        recompute=False,
        microbatch=0,
        checkpoint_images=8,
        log_images=4,
    )
