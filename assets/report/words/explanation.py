"""Words of the tables of binding constraints and their cost, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "title": T("{name}：哪些约束起作用、放弃了多少得分", "{name}: binding constraints and their cost in score"),
    "lead": T(
        "{name}的目标得分 {score}，{count} 类约束起作用；放弃得分最多的是{worst}（{given}）。",
        "{name}: the target's score is {score}; {count} kinds of constraint bind, {worst} at the highest cost ({given}).",
    ),
    "lead_nothing": T(
        "{name}的目标得分 {score}，没有约束起作用。", "{name}: the target's score is {score}; no constraint binds it."
    ),
    "lead_failed": T(
        "{name}本周没有可行的目标组合，维持原持仓，因此没有影子价格。",
        "{name}: no portfolio satisfies the hard constraints this week; the holdings are kept, so that there is no "
        "shadow price.",
    ),
    "lead_not_built": T("{name}尚未构建。", "{name} is not built yet."),
    "constraint": T("约束", "constraint"),
    "binding": T("起作用/全部", "binding / all"),
    "per_unit": T("每放宽 0.01 增加得分", "score gained per 0.01"),
    "given_up": T("放弃得分", "score given up"),
    "exact": T("去除该约束的得分增量", "score gained without it"),
    "note": T(
        "注：得分为目标权重与因子得分之积的和。每放宽 0.01 增加得分为影子价格乘以 0.01（权重 1 个百分点或 0.01 的暴露）；"
        "放弃得分为影子价格乘以界限，对状态受限的股票为影子价格乘以被占用的空间，是该约束放宽一倍或状态解除所能多得的上限，各行不可相加；"
        "界限为零的约束按此口径为零，其代价看影子价格。",
        "Score: Σ target weight × factor score. Gained per 0.01: shadow price × 0.01 (one percentage point of "
        "weight, or 0.01 of exposure). Given up: shadow price × bound; for names that a state restricts, shadow "
        "price × the room that the state takes. It is the most that a bound twice as wide, or the absence of the "
        "state, could gain; the rows do not add up. It is zero for a bound of zero, whose cost is its shadow price.",
    ),
    "names": T("代价最高的个股：{items}。", "Names with the highest cost: {items}."),
    "one_name": T("{symbol}（{cause}，{side}，{given}）", "{symbol} ({cause}, {side}, {given})"),
    "upper": T("欲增持", "more wanted"),
    "lower": T("欲减持", "less wanted"),
    "solver": T(
        "求解：{solver}，原始残差 {residual}、对偶间隙 {gap}，均由本平台独立复算（上限 1e-8）；{tie}。",
        "Solved by {solver}: primal residual {residual}, duality gap {gap}, both recomputed by the platform (at most "
        "1e-8); {tie}.",
    ),
    "refused": T(
        "{stage}阶段未采纳 {solver} 的结果：残差 {residual}、对偶间隙 {gap}。",
        "At the stage '{stage}' the solution of {solver} was rejected: residual {residual}, duality gap {gap}.",
    ),
    "no_answer": T("{stage}阶段 {solver} 没有给出结果。", "At the stage '{stage}' {solver} returned no solution."),
    "conflict": T(
        "无法同时成立（去掉任意一项即可行，合计至少须放松 {violation}）：{members}。",
        "These constraints cannot hold together; without any one of them the others can. In total they must be relaxed "
        "by at least {violation}: {members}.",
    ),
    "tie_smallest": T("并列最优中取换手最小者", "among equal optima the one with the smallest turnover"),
    "tie_first": T(
        "首次建仓，换手不影响选择", "first build: turnover does not depend on the choice among equal optima"
    ),
    "tie_none": T("并列最优未能细分", "ties between equal optima were not broken"),
    "at_most": T("不高于", "at most"),
    "at_least": T("不低于", "at least"),
    "benchmark": T("基准权重 {weight}", "its benchmark weight of {weight}"),
    "member_industry": T("行业 {row} {side}{bound}", "industry {row} {side} {bound}"),
    "member_turnover": T("单边换手率{side} {bound}", "one-way turnover {side} {bound}"),
    "member_share": T("成份股合计权重{side} {bound}", "members' weight {side} {bound}"),
    "member_row": T("{row}暴露{side} {bound}", "{row} exposure {side} {bound}"),
    "member_other": T("{constraint}{side} {bound}", "{constraint} {side} {bound}"),
    "member_other_row": T("{constraint}（{row}）{side} {bound}", "{constraint} ({row}) {side} {bound}"),
    "member_bands": T("{count} 只股票的个股偏离上下限", "the stock bands of {count} names"),
    "member_only": T("仅持有成份股（排除 {count} 只）", "index members only ({count} others kept out)"),
    "member_states": T("{state}：{items}", "{state}: {items}"),
    "kept_at": T("{symbol} 维持 {weight}", "{symbol} kept at {weight}"),
    "held_to": T("{symbol} 至多 {weight}", "{symbol} at most {weight}"),
    "further": T("另 {count} 只", "and {count} more"),
}
