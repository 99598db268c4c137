"""Words of the section on the run's settings, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

WORDS: Mapping[str, Bilingual] = {
    "settings_used": T("运行设置", "Settings used"),
    "profile": T("运行配置：{name}。{description}", "Profile: {name}. {description}"),
    "table6_title": T("与生产设置不同的参数", "Settings that differ from production"),
    "table6_lead": T(
        "本次运行有 {count} 项参数与生产设置不同。", "The run differs from production in {count} settings."
    ),
    "no_difference": T("本次运行全部采用生产设置。", "The run used production settings throughout."),
    "declared_title": T("数据交付的声明", "Declarations of the delivery"),
    "declared_lead": T(
        "本期数据按以下 {count} 项声明读取，它们说明数据交付方式、交易日历与交易所规则，不改变方法，不计入与生产设置的差异。",
        "The data was read under these {count} declarations of how it is delivered, of the calendar and of the "
        "exchanges' rules. They do not change the method and are not counted as differences from production.",
    ),
    "table7_title": T("全部运行参数", "All settings of the run"),
    "table7_lead": T("下表为本次运行的全部参数。", "All settings of the run."),
    "setting": T("参数", "setting"),
    "value": T("本次取值", "value"),
    "production": T("生产取值", "production"),
    "reason": T("原因", "reason"),
    "looser": T("比声明的检查宽松。", "Looser than the declared check."),
    "newest_rule": T(
        "本期适用的最新交易所规则：rulebook.{kind}，自 {since} 起（{source}）。",
        "Newest rule of the exchanges in force: rulebook.{kind}, since {since} ({source}).",
    ),
}
