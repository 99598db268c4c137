"""The tables of the stage `models`: one per model, and the scores. This module only declares them."""

from assets import catalogue
from assets.models import offset_windows, windows
from assets.models.schemas import CURVES, MEASURE, SCORES
from resources.gate import Between, Check, Unique
from resources.language import Bilingual as T
from resources.table import Read, Table

NOT_FINITE = T(
    "网络的输出不是有限数：调低 learning_rate，或将 precision 设为 float32，然后重新训练",
    "the network's outputs are not finite: lower learning_rate, or set precision to float32, and train again",
)


def model_table(key: str) -> Table:
    """Declare the table of one model, whose network, window and training the settings section models.<key> decides."""
    factor = catalogue.BY_KEY[key]
    diverged = T(f"训练发散：调低 models.{key}.learning_rate", f"training diverged: lower models.{key}.learning_rate")
    return Table(
        name=key,
        group="models",
        partition="week",
        history="minutes",
        description=f"""
**{factor.name_zh}** ({factor.name_en}, factor {factor.number}): the model in force in each week, trained after the close of the
week's signal day on samples whose labels are known by then, or carried forward from `trained_week`.

The rows are its learning curves, one per network, that is per granularity and seed. Beside them are `card.json` (settings, window
and purge, features, seeds, digests of the data, device, libraries) and, in the trained week, `checkpoint.safetensors` (the best
weights of every network). `python -m orchestration.models` lists all models of a lake.

| column | |
|---|---|
| week, trained_week | Mondays |
| granularity, seed, epoch | the network, and the epoch from 1 |
| train_loss | mean over batches, with dropout |
| valid_loss, valid_ic | mean over validation days of the loss and of the correlation with the label |
| kept | true for the epoch whose weights are in the checkpoint |

Weeks before the first whose window fits into the history are empty, with the number of missing days as the reason. SPEC §5.2.
""",
        reads=(
            Read("bar_features", over=windows.bar_feature_days, by_reader=True),
            Read("daily_features", over=windows.daily_feature_days, by_reader=True),
            Read("daily_prices", over=windows.price_days, by_reader=True),
            Read("securities", over=windows.feature_days, by_reader=True),
            Read("styles", over=windows.style_days, by_reader=True),
            Read(key, over=windows.earlier_weeks, by_reader=True),
        ),
        schema=CURVES,
        sort=("granularity", "seed", "epoch"),
        settings=f"models.{key}",
        reads_start=True,
        functions=(f"models.{key}.network",),
        built_in=catalogue.NETWORKS,
        make="assets.models.make_model:make_model",
        checks=(
            Check(
                "granularity_seed_epoch_unique",
                Unique(("granularity", "seed", "epoch")),
                critical=True,
                remedy=T(
                    "属于程序错误：每个颗粒度与随机种子只应训练一次",
                    "this is a fault of the code: each granularity and seed must be trained once",
                ),
            ),
            Check(
                "validation_loss_finite",
                Between(MEASURE, -1e6, 1e6),
                critical=True,
                remedy=diverged,
            ),
            Check(
                "validation_ic_is_a_correlation",
                Between("valid_ic", -1.0, 1.0),
                critical=True,
                remedy=diverged,
            ),
            Check(
                "kept_epochs_have_positive_validation_ic",
                Between("kept_valid_ic", 0.0, None),
                critical=False,
                critical_share=1,
                remedy=T(
                    "网络对验证日没有预测能力：查看 card.json 中未使用的特征与样本",
                    "the network does not predict the validation days: see dropped features and samples in card.json",
                ),
            ),
        ),
        plot="assets.models.plots:plot_learning_curves",
        kinds=("torch", "parquet"),
    )


MODELS = tuple(map(model_table, catalogue.MODELS))

scores = Table(
    name="scores",
    group="models",
    partition="week",
    history="minutes",
    description="""
The score of every model for every stock that it covers on the week's signal day.

| column | |
|---|---|
| week, date | Monday, signal day |
| symbol | a member of U(t) with enough days and enough known features in every granularity of the model |
| factor | the model's key |
| raw | mean over the model's networks of their outputs, each z-scored over the scored stocks |
| value | raw, orthogonalised after training where the model's settings ask for it, clipped at 3 std, z-scored |

`value` is null for a stock without the industry or market value that the orthogonalisation needs; if the network itself needs
them, `raw` is null too. Beside the rows, `seeds.parquet` holds the score of each network: factor, symbol, granularity, seed, value.
Scores use no labels and no prices. With `train_lag_weeks` = 1 the model of the previous week is used. SPEC §5.2.
""",
    reads=(
        *(Read(key, over=windows.weeks_of(key)) for key in catalogue.MODELS),
        Read("bar_features", over=windows.score_days("bars")),
        Read("daily_features", over=windows.score_days("days")),
        Read("securities", over=windows.sequence_days),
        Read("styles"),
    ),
    schema=SCORES,
    sort=("factor", "symbol"),
    settings="models",
    reads_start=True,
    functions=tuple(f"models.{key}.network" for key in catalogue.MODELS),
    built_in=catalogue.NETWORKS,
    make="assets.models.make_scores:make_scores",
    items="factor",
    needs={key: (f"{key}.{MEASURE}",) for key in catalogue.MODELS},
    checks=(
        Check(
            "symbol_factor_unique",
            Unique(("symbol", "factor")),
            critical=True,
            remedy=T(
                "securities、bar_features 或 daily_features 有重复的股票：重建这些表",
                "securities, bar_features or daily_features hold a symbol twice: make them again",
            ),
        ),
        Check("raw_score_finite", Between("raw", -1e6, 1e6), critical=True, remedy=NOT_FINITE),
        Check("score_is_a_zscore", Between("magnitude", 0.0, 1.0 + 1e-9), critical=True, remedy=NOT_FINITE),
        Check(
            "score_varies",
            Between("spread", 0.5, 1.5),
            critical=False,
            remedy=T(
                "模型对各股票的得分几乎相同：查看其学习曲线",
                "the model's scores hardly differ among stocks: see its learning curves",
            ),
        ),
        Check(
            "universe_is_scored",
            Between("coverage", 0.8, 1.0),
            critical=False,
            critical_share=1,
            remedy=T(
                "找出全市场股票中在序列各日缺少分钟线、日行情或特征，或者缺少风格的股票",
                "find the stocks of U(t) that lack bars, daily rows or features on the sequence's days, or styles",
            ),
        ),
    ),
)

offset_scores = Table(
    name="offset_scores",
    group="models",
    partition="week",
    history="minutes",
    description="""
The scores of the portfolios' alpha on those signal days of the offset paths (`lines.weekdays`) that are before the week's last
trading day. The models in force in the week before are used, because the week's own models are not trained by then. The table is
empty where no path needs it. Its columns are those of `scores`.
""",
    reads=(
        *(Read(key, over=offset_windows.offset_weeks_of(key), by_reader=True) for key in catalogue.MODELS),
        Read("bar_features", over=offset_windows.offset_sequence_days("bars")),
        Read("daily_features", over=offset_windows.offset_sequence_days("days")),
        Read("securities", over=offset_windows.offset_sequence_days(None)),
        Read("styles", over=offset_windows.offset_days, by_reader=True),
    ),
    schema=SCORES,
    sort=("date", "factor", "symbol"),
    settings=("models", "lines", "portfolios"),
    reads_start=True,
    functions=tuple(f"models.{key}.network" for key in catalogue.MODELS),
    built_in=catalogue.NETWORKS,
    make="assets.models.make_offset_scores:make_offset_scores",
    items="factor",
    checks=(
        Check(
            "date_symbol_factor_unique",
            Unique(("date", "symbol", "factor")),
            critical=True,
            remedy=T(
                "securities、bar_features 或 daily_features 有重复的股票：重建这些表",
                "securities, bar_features or daily_features hold a symbol twice: make them again",
            ),
        ),
        Check("raw_score_finite", Between("raw", -1e6, 1e6), critical=True, remedy=NOT_FINITE),
    ),
)

TABLES = (*MODELS, offset_scores, scores)
