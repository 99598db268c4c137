"""The words of the reasons of models and scores."""

from collections.abc import Mapping

from resources.language import Bilingual as T

WORDS: Mapping[str, T] = {
    "model_absent": T("{model}：{cause}", "{model}: {cause}"),
    "short_history": T(
        "自 {start} 起的历史只有 {held} 个交易日，训练窗口需要 {needed} 个（序列 {sequence}、训练 {train}、验证 {valid}、"
        "两处间隔各 {horizon}），尚缺 {missing} 个；最早可训练的一周为 {first}",
        "the history from {start} holds {held} of the {needed} trading days this window needs ({sequence} sequence, {train} train, "
        "{valid} valid, {horizon} between at each border), {missing} are missing; the first possible week is {first}",
    ),
    "history_beyond_calendar": T(
        "自 {start} 起的历史只有 {held} 个交易日，训练窗口需要 {needed} 个（序列 {sequence}、训练 {train}、验证 {valid}、"
        "两处间隔各 {horizon}），尚缺 {missing} 个；最早可训练的一周在交易日历终点 {last} 之后",
        "the history from {start} holds {held} of the {needed} trading days this window needs ({sequence} sequence, {train} train, "
        "{valid} valid, {horizon} between at each border), {missing} are missing; the first possible week is after {last}",
    ),
    "first_training_later": T(
        "设置 first_training 规定 {date} 之前不训练", "the setting first_training allows no training before {date}"
    ),
    "no_label": T("{first} 至 {last} 没有股票有标签", "no stock has a label from {first} to {last}"),
    "no_feature": T(
        "{first} 至 {last} 没有{granularity}特征有数据", "no {granularity} feature has a value from {first} to {last}"
    ),
    "no_exposure": T(
        "{first} 至 {last} 没有股票具备正交层所需的市值与行业",
        "no stock has the market value and industry that the orthogonal layer needs, from {first} to {last}",
    ),
    "no_training_day": T(
        "{first} 至 {last} 没有训练日有 {names} 只全市场股票具备样本所需数据（{granularity}特征、标签，以及正交层的暴露）",
        "no training day from {first} to {last} has {names} stocks of U(t) with {granularity} features, a label and the exposures "
        "that an orthogonal layer needs",
    ),
    "no_validation_day": T(
        "{first} 至 {last} 没有验证日有 {names} 只全市场股票具备样本所需数据（{granularity}特征、标签，以及正交层的暴露）",
        "no validation day from {first} to {last} has {names} stocks of U(t) with {granularity} features, a label and the exposures "
        "that an orthogonal layer needs",
    ),
    "no_model_yet": T("历史起点之前没有可为 {date} 打分的模型", "no model from before the history can score {date}"),
    "nobody_covered": T(
        "截至 {date} 的 {days} 日中，没有全市场股票在足够多的交易日有{granularities}特征",
        "no stock of U({date}) has {granularities} features on enough of the {days} days up to it",
    ),
    "nobody_placed": T(
        "{date} 的股票均缺少得分所需的行业与市值",
        "no stock scored on {date} has the industry and market value that its score needs",
    ),
    # why a warm start is cold
    "no_training_before": T("此前没有训练", "no training comes before this one"),
    "no_model_before": T("上一次训练没有得到模型：{cause}", "the previous training left no model: {cause}"),
    "other_features": T(
        "特征与 {week} 一周的训练不同：缺少 {lost}，新增 {gained}",
        "the features differ from those of {week}: lost {lost}, gained {gained}",
    ),
    "other_order": T("特征的次序与 {week} 一周的训练不同", "the features are in another order than those of {week}"),
    "no_such_networks": T(
        "{week} 一周的训练没有随机种子 {seeds} 的这种网络", "{week} has no such network of the seeds {seeds}"
    ),
}
