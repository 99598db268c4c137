"""The tables of this stage: one per model, and the scores. Declarations only."""

from assets import catalogue
from assets.models import windows
from assets.models.schemas import CURVES, SCORES
from resources.gate import Between, Check, NotNull, Unique
from resources.table import Read, Table


def model_table(key: str) -> Table:
    """The table of one model: a row of the settings tree under models.<key> makes it what it is."""
    factor = catalogue.BY_KEY[key]
    return Table(
        name=key,
        stage="models",
        partition="week",
        history="minutes",
        description=f"""
**{factor.name_zh}** ({factor.name_en}): the model in force in each week, trained after the close of the week's signal day
on samples whose labels are known by then, or carried forward from `trained_week`.

Rows are its learning curves. Beside them: `card.json` (settings, window and purge, features, seeds, digests of the data,
device) and, in the trained week, `checkpoint.safetensors` (the best weights of every seed).

| column | |
|---|---|
| week, trained_week | Mondays |
| seed, epoch | one curve per seed |
| train_loss | mean over batches, with dropout |
| valid_loss, valid_ic | mean over validation days of the loss and of the correlation with the label |
| kept | the epoch whose weights the checkpoint holds |

Weeks before the first whose window fits into the history are empty, with the number of missing days as reason. SPEC §5.2.
""",
        reads=(
            Read("bar_features", over=windows.feature_days),
            Read("daily_prices", over=windows.window_days),
            Read("securities", over=windows.window_days),
            Read(key, over=windows.carried_from),
        ),
        schema=CURVES,
        sort=("seed", "epoch"),
        settings=f"models.{key}",
        make="assets.models.make_model:make_model",
        checks=(
            Check(
                "seed_epoch_unique",
                Unique(("seed", "epoch")),
                critical=True,
                remedy="a mistake in the code: name each seed once",
            ),
            Check(
                "validation_ic_is_a_correlation",
                Between("valid_ic", -1.0, 1.0),
                critical=True,
                remedy=f"training diverged: lower models.{key}.learning_rate",
            ),
            Check(
                "kept_epochs_have_positive_validation_ic",
                Between("kept_valid_ic", 0.0, None),
                critical=False,
                remedy="the network learns nothing that lasts: see dropped features and samples in card.json",
            ),
        ),
        pool="gpu",
        plot="assets.models.plots:plot_learning_curves",
        kinds=("torch", "parquet"),
    )


gru_50_1 = model_table("gru_50_1")

scores = Table(
    name="scores",
    stage="models",
    partition="week",
    history="minutes",
    description="""
Every model's score of every stock it can judge on the week's signal day.

| column | |
|---|---|
| week, date | Monday, signal day |
| symbol | a member of U(t) with bars on enough days and enough known features |
| factor | the model's key |
| raw | mean over seeds of the z-scored outputs |
| value | orthogonalised after the fact where the model's settings say so, clipped at 3 std, z-scored; null for a name that has no industry or market value |

No label takes part. With `train_lag_weeks` = 1 the previous week's model scores. SPEC §5.2.
""",
    reads=(
        Read("gru_50_1", over=windows.gru_50_1_weeks),
        Read("bar_features", over=windows.sequence_days),
        Read("securities", over=windows.sequence_days),
        Read("styles"),
    ),
    schema=SCORES,
    sort=("factor", "symbol"),
    settings="models",
    make="assets.models.make_scores:make_scores",
    items="factor",
    needs={"gru_50_1": ("gru_50_1.valid_loss",)},
    checks=(
        Check(
            "symbol_factor_unique",
            Unique(("symbol", "factor")),
            critical=True,
            remedy="securities or bar_features hold a symbol twice: make them again",
        ),
        Check(
            "score_is_a_zscore",
            Between("magnitude", 0.0, 10.0),
            critical=True,
            remedy="the network's outputs are not finite: train the model again",
        ),
        Check(
            "raw_score_known",
            NotNull("raw"),
            critical=True,
            remedy="the network's outputs are not finite: train the model again",
        ),
        Check(
            "universe_is_scored",
            Between("coverage", 0.8, 1.0),
            critical=False,
            remedy="see which names of U(t) lack bars or features on the sequence's days",
        ),
    ),
)

TABLES = (gru_50_1, scores)
