from syda.training.curves import Curves


def test_lines_are_means_over_equal_spans():
    curves = Curves(span=20)
    for step in range(1, 6):
        finished = curves.add(
            8 * step, {"loss_g": float(step), **({"r1": 4.0} if step == 1 else {})}
        )
        assert finished == (step in (3, 5))
    assert curves.lines == [
        {"images": 24, "loss_g": 2.0, "r1": 4.0},
        {"images": 40, "loss_g": 4.5},
    ]


def test_csv_leaves_what_was_not_computed_empty():
    curves = Curves(span=1)
    curves.add(8, {"loss_g": 1 / 3, "loss_d": 2.0, "d_real": 0.0, "d_fake": -1e-9})
    assert curves.csv() == (
        "images,loss_g,loss_d,r1,path,d_real,d_fake,ada_rt,spread,augment,reconstruction,kl,"
        "distance_ratio\n"
        "8,0.333333,2,,,0,-1e-09,,,,,,\n"
    )
