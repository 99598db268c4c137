"""The words of all reasons in Chinese and English.

The words of a code are a pattern for str.format, which is filled with the reason's parameters. The codes are declared where the
reasons arise (resources/reasons.py, resources/stale.py, assets/*/reasons.py). A test checks that every code has words with its own
parameters, and that there are no words without a code.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from resources.language import Bilingual, Language

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "text": T("{text}", "{text}"),
    # the wrapper
    "nothing_landed": T(
        "{table} 在 {partition} 没有可用的数据", "nothing has landed from which {table} of {partition} could be made"
    ),
    "no_earlier_partition": T(
        "{table} 没有更早的分区：数据从此开始", "{table} has no earlier partition: the data begins here"
    ),
    # ticks, bars and tape health
    "no_file_of": T("{folder} 没有 {table} 的文件", "{folder} holds no file of {table}"),
    "no_readable_row": T(
        "{folder} 中 {table} 的文件没有可读取的数据行",
        "the files of {table} in {folder} hold no row that could be read",
    ),
    "no_folder": T("没有交付 {folder}", "no {folder} in the landing zone"),
    "no_limits_in_snapshots": T("当日行情快照文件不含涨跌停价", "the snapshot files of this day carry no limit prices"),
    "no_trades": T("当日没有逐笔成交", "no trades on this day"),
    "no_quotes": T("当日没有行情快照", "no quotes on this day"),
    "neither_nor_file": T("{cause}，也没有 {file}", "{cause}, and no {file}"),
    "no_usable_row": T(
        "{source} 已交付，但没有可用的 A 股数据行", "{source} was delivered, but holds no usable row of an A-share"
    ),
    "every_name_set_aside": T(
        "{source} 已交付，但全部股票均被剔除，首个原因：{first}",
        "{source} was delivered, but every symbol of it is set aside, the first because: {first}",
    ),
    "no_limit_prices": T(
        "没有涨跌停价：securities 与当日快照均无",
        "no limit prices: neither securities nor snapshots of this day have any",
    ),
    "column_without_values": T("{source} 没有 {column} 的数据", "{source} has no value of {column}"),
    "few_order_sizes": T(
        "此前 {window} 个交易日的 order_sizes 不足 {days} 日或 {orders} 笔委托",
        "fewer than {days} days or {orders} orders in the order_sizes of the {window} trading days before",
    ),
    "few_order_sizes_because": T(
        "此前 {window} 个交易日的 order_sizes 不足 {days} 日或 {orders} 笔委托（{cause}）",
        "fewer than {days} days or {orders} orders in the order_sizes of the {window} trading days before ({cause})",
    ),
    "columns_given": T("{file} 只给出 {columns}", "{file} has only {columns}"),
    "column_not_filled": T(
        "{file}：{column} 每行均为 0，而有股票成交：该列未填写",
        "{file}: {column} is 0 in every row although stocks traded, so the column was not filled in",
    ),
    "replay_is_off": T("委托簿重演已关闭（bars.replay_book）", "the book replay is off (bars.replay_book)"),
    "bars_hold_no_ticks": T("{file} 是一分钟线，没有逐笔数据", "{file} holds one-minute bars, no ticks"),
    # reference
    "not_delivered": T("没有交付 reference/{table}", "no reference/{table} in the landing zone"),
    "no_first_days": T(
        "没有交付 reference/instruments，无法判断上市首日，且未交付 {column}",
        "no reference/instruments in the landing zone, so first trading days are not known, and no {column} was delivered",
    ),
    "day_is_empty": T("{table} 在 {date} 没有数据", "{table} of {date} is empty"),
    "no_membership_yet": T(
        "截至 {date}，reference/industries 没有已生效的行业归属",
        "no membership of reference/industries had started by {date}",
    ),
    "nothing_announced": T(
        "截至 {date}，reference/fundamentals 没有已公告的 {column}",
        "reference/fundamentals has no {column} that was known by {date}",
    ),
    "no_vector_yet": T(
        "截至 {date}，reference/index_weights 没有可用的权重",
        "reference/index_weights has no usable weights up to {date}",
    ),
    "no_row_of_day": T("reference/{table} 没有 {date} 的数据", "reference/{table} has no row of {date}"),
    "no_weights_yet": T("尚未公布权重", "no weights published so far"),
    # styles and factors
    "nobody_in_securities": T("securities 在 {date} 没有数据", "securities of {date} is empty"),
    "too_few_days": T(
        "需要最近 {window} 个交易日中的 {needed} 日，daily_prices 只有 {held} 日",
        "needs {needed} of the last {window} trading days; daily_prices has {held} of them",
    ),
    "no_style_value": T("{date} 全市场股票均无{style}数据", "no stock of U(t) has a value of {style} on {date}"),
    "no_universe": T("securities 在 {date} 没有全市场股票", "securities of {date} has no stock in U(t)"),
    "few_book_values": T(
        "{date} 全市场 {names} 只股票中只有 {known} 只已知净资产为正",
        "{known} of {names} stocks of U(t) had a known positive book equity on {date}",
    ),
    "one_sided": T(
        "{formed} 分组的组合在 {date} 缺少一侧", "the portfolios formed on {formed} lack one side on {date}"
    ),
    "nobody_in_universe": T("{date} 全市场没有股票", "no stock is in U(t) on {date}"),
    "nothing_left": T("剔除行业与风格后没有剩余", "the regression on industries and styles leaves no residual"),
    "too_few_valid_days": T(
        "没有股票有 {needed} 个有效交易日：截至 {date} 的 {window} 日中，{columns} 只在 {known} 日有数据",
        "no stock has {needed} valid days: {columns} known on {known} of the {window} days up to {date}",
    ),
    # models
    "model_absent": T("{model}：{cause}", "{model}: {cause}"),
    "because": T("{what}（{cause}）", "{what} ({cause})"),
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
    # what a plan builds, and why
    "forced": T("按 --force 的要求", "requested with --force"),
    "not_built": T("尚未构建", "not built"),
    "settings_changed": T("设置已变（{sections}）", "settings changed ({sections})"),
    "code_changed": T("代码已变", "code changed"),
    "declaration_changed": T("交付声明已变（{settings}）", "declaration changed ({settings})"),
    "landing_changed": T("交付数据已变（{parts}）", "landing zone changed ({parts})"),
    "input_changed": T("输入 {input} 已变", "input {input} changed"),
    "input_new": T("输入 {input} 是新的", "input {input} is new"),
    "input_gone": T("输入 {input} 不再读取", "input {input} is no longer read"),
    "not_renewed": T("此前未能更新", "could not be renewed before"),
    "refused_before": T("此前被拒绝，重新尝试", "refused before, tried again"),
    "input_again": T("输入 {table} 的 {partition} 将重建", "input {table} of {partition} is built again"),
    "inputs_again": T("输入 {table} 将重建", "input {table} is built again"),
    "input_stopped": T("{table} 的 {partition} 被拒绝或受阻", "{table} of {partition} is refused or blocked"),
    "input_tried_first": T(
        "{table} 的 {partition} 此前被拒绝，先重新尝试",
        "{table} of {partition} was refused before and is tried again first",
    ),
    # portfolios: not built
    "first_build_later": T("首次建仓设定在 {week} 一周", "the first build is set for the week of {week}"),
    "no_weights": T(
        "截至 {date} 没有公布 {index} 的权重（reference/index_weights）",
        "no weights of {index} were published by {date} (reference/index_weights)",
    ),
    "old_weights": T(
        "{index} 最近的权重日期为 {published}，距 {date} 已有 {age} 个交易日（portfolios.benchmark_max_age = {limit}）；"
        "请提供更新的 reference/index_weights",
        "the last weights of {index} are dated {published}, {age} trading days before {date} "
        "(portfolios.benchmark_max_age = {limit}); deliver newer reference/index_weights",
    ),
    "weights_without_prices": T(
        "{index} 于 {published} 的权重无法漂移到 {date}：{days} 个交易日中有 {missing} 日 daily_prices 没有数据，最早为 {first}"
        "（reference/daily_prices）",
        "the weights of {index} dated {published} cannot be drifted to {date}: daily_prices has no row on {missing} of the {days} "
        "days, first {first} (reference/daily_prices)",
    ),
    "nobody_listed": T(
        "securities 在 {date} 没有数据，不知道哪些股票上市（reference/instruments）",
        "securities has no row on {date}, so it is not known which stocks are listed (reference/instruments)",
    ),
    "no_score_because": T("{date} 没有{factors}的得分：{cause}", "no {factors} score on {date}: {cause}"),
    "no_score_yet": T(
        "{date} 没有{factors}的得分，首次建仓等待得分", "no {factors} score on {date}; the first build waits for it"
    ),
    # portfolios: what is missing
    "style_null": T("{style}全市场无数据", "{style} is null for the whole market"),
    "no_industry": T("没有股票有行业数据", "no stock has an industry"),
    "too_few_to_regress": T(
        "可用于回归的股票只有 {names} 只，而行业与风格收益共有 {columns} 项",
        "only {names} stocks for a regression on {columns} industry and style returns",
    ),
    "not_built_yet": T("组合尚未构建", "not built yet"),
    "first_built_now": T(
        "本周信号日收盘首次建仓，收益自下一交易日起计",
        "first built at this week's signal close; returns begin on the next trade day",
    ),
    "drifted_benchmark": T(
        "基准采用漂移后的成份股权重（含分红）：index_prices 缺少 {index} 的收盘价",
        "benchmark: drifted weights with dividends, because index_prices lacks closes of {index}",
    ),
    "nothing_held": T(
        "本周没有持仓：组合在本周信号日收盘首次建仓，或尚未建仓",
        "nothing was held in the week: the portfolio was first built at its signal close, or not yet",
    ),
    "no_index_return": T("指数在本周某日没有收益", "the index has no return on a day of the week"),
    # portfolios: what forced a constraint
    "state": T("{state}", "{state}"),
    "cash_to_spend": T("{cash:.2%} 的现金须全部投出", "cash of {cash:.2%} must be spent"),
    "stock_bands_alone": T("仅个股偏离上下限", "the stock bands alone"),
    "kept_above": T("被本项内的股票推高：{cause}", "kept above its bound by its own stocks: {cause}"),
    "kept_below": T("被本项内的股票压低：{cause}", "kept below its bound by its own stocks: {cause}"),
    "balances_rows": T("与其他{constraint}项相抵", "balances the other {constraint} rows"),
    "together_with": T("与{constraints}共同作用", "together with {constraints}"),
    "restricted_names": T("受限股票：{names}", "restricted stocks: {names}"),
    "name_in_state": T("{symbol}（{state} {weight:.2%}）", "{symbol} ({state}, {weight:.2%})"),
    "names": T("{names}", "{names}"),
    "names_and_more": T("{names}，另 {more} 只", "{names} and {more} more"),
    "several": T("{reasons}", "{reasons}"),
    # portfolios: not solved
    "no_verified_answer": T(
        "{stage}阶段没有求解器给出可验证的结果（{reasons}）",
        "no solver's answer of the {stage} stage passes verification ({reasons})",
    ),
    "solver_without_answer": T("{solver}：{status}，没有结果", "{solver}: {status}, no answer"),
    "solver_not_verified": T(
        "{solver}：{status}，残差 {residual:.3g}，对偶间隙 {gap:.3g}",
        "{solver}: {status}, largest residual {residual:.3g}, duality gap {gap:.3g}",
    ),
    "curved_must_give": T(
        "{constraints}须放松，而非线性约束只能最先放松",
        "{constraints} must be relaxed, and a nonlinear constraint can only be the first to be relaxed",
    ),
    "not_found_within_totals": T(
        "求解器没有找到满足{groups}最小违反量的组合，而该组合存在",
        "a solver found no portfolio within the smallest violations of {groups}, which exists",
    ),
    "not_found_within_names": T(
        "{solver} 没有找到仅满足个股上下限的组合，而该组合存在",
        "{solver} found no portfolio within the bounds of the names alone, which exists",
    ),
    "not_found_within_hard": T(
        "{solver} 没有找到满足硬约束的组合，而该组合存在",
        "{solver} found no portfolio that satisfies the hard constraints, which exists",
    ),
    "hard_conflict": T(
        "硬约束冲突，合计 {total:.3g}：{cause}", "the hard constraints conflict by {total:.3g} in all: {cause}"
    ),
    "upper_bounds_short": T(
        "全部股票的上限合计 {total:.4f}，小于 1（可交易 {free} 只）",
        "the upper bounds of all stocks sum to {total:.4f} < 1 ({free} stocks can be traded)",
    ),
    "lower_bounds_over": T(
        "全部股票的下限合计 {total:.4f}，大于 1", "the lower bounds of all stocks sum to {total:.4f} > 1"
    ),
    "bounds_excluded": T(
        "个股上下限合计在 {low:.4f} 与 {high:.4f} 之间，而另一项硬约束将其排除",
        "the bounds of all stocks allow a sum of {low:.4f} … {high:.4f}, which another hard constraint excludes",
    ),
    # the report
    "model_not_built": T("模型尚未构建", "not built yet"),
    "no_returns": T("尚无已执行的调仓信号", "no signal has been traded yet"),
    "no_holding_period": T("尚无完整持有期", "no holding period has ended yet"),
    "no_value": T("所评价各周的信号日均无取值", "no value on any signal day of the evaluated weeks"),
    "no_value_on": T("{date} 无取值", "no value on {date}"),
    "too_few_names": T("只有 {names} 只股票，少于 {fewest} 只", "{names} stocks, fewer than {fewest}"),
    "constant_column": T("取值全部相同，没有相关系数", "a constant column has no correlation"),
    "not_traded": T("没有股票在两个交易日均有成交", "none of its stocks trades on both trade days"),
}

COMMA, SEMICOLON = T("、", ", "), T("；", "; ")
NOTHING = "–"  # a parameter that is None


@runtime_checkable
class Coded(Protocol):
    """Anything with words, that is `resources.reasons.Reason`, which imports this module."""

    @property
    def code(self) -> str:
        """The name of the reason's code."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The facts of the case by name."""


def describe(
    reason: Coded, language: Language = "en", called: Callable[[str, str], str] = lambda parameter, text: text
) -> str:
    """Word a reason as a phrase that can follow a colon.

    A code without words, or one whose words have other parameters (of another version), is shown as it is stored.

    Args:
        reason: the reason.
        language: "en" or "zh".
        called: replaces a text parameter, given its name and text, such as a factor's key by its name.
    """

    def shown(name: str, value: Any) -> Any:
        if isinstance(value, Coded):
            return describe(value, language, called)
        if isinstance(value, tuple):
            mark = SEMICOLON if name == "reasons" else COMMA
            return mark[language].join(str(shown(name, one)) for one in value)
        if value is None:
            return NOTHING
        return called(name, value) if isinstance(value, str) else value

    values = {name: shown(name, value) for name, value in reason.parameters.items()}
    try:
        return WORDS[reason.code][language].format(**values)
    except (KeyError, ValueError, TypeError):
        return f"{reason.code} ({', '.join(f'{name} = {value}' for name, value in values.items())})"
