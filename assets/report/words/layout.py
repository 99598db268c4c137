"""Words that the renderers print around an issue's content, in Chinese and English."""

from collections.abc import Mapping

from resources.language import Bilingual

T = Bilingual

LAYOUT: Mapping[str, Bilingual] = {
    "kind": T("金融工程 · 高频选股", "Quantitative research · high-frequency stock selection"),
    "previous": T("前期报告", "Previous issues"),
    "no_previous": T("数据起点之前无往期报告", "The data begins here: no previous issue"),
    "at_a_glance": T("本期信息", "This issue"),
    "contents": T("目录", "Contents"),
    "list_of_figures": T("图目录", "Figures"),
    "list_of_tables": T("表目录", "Tables"),
    "highlights": T("投资要点", "Highlights"),
    "table": T("表", "Table "),
    "figure": T("图", "Figure "),
    "absent_figure": T("n/a：{reason}", "n/a: {reason}"),
}
