"""The stage `factors`: day indicators and styles, and the ten factors made from them. Declarations only."""

from assets.factors.styles import NEEDS, SCHEMA, window_and_formation_days, window_days
from resources.gate import Between, Check
from resources.table import Read, Table

styles = Table(
    name="styles",
    stage="factors",
    partition="day",
    history="reference",
    description="""The eight conventional factors of every listed name, raw (`…_raw`) and standardised.

size ln total_mv · mid_cap the part of size³ that size does not explain · turnover ln of the mean of amount / float_mv ·
reversal compounded return · volatility R² on Fama–French's three factors of U(t), or the std of the returns where book values
are missing (the partition's notes say which) · value book equity / total_mv (negative equity counts as it is) · profitability
one quarter's net profit / mean equity · growth profitability less that of the same quarter a year before. Windows of 20
trading days, 15 of them traded. Standardised: clipped at mean ± 3 std of U(t), z-scored on U(t), null = 0; fundamentals a name
lacks are its industry's median. A style that no name of U(t) has is a null column with its reason. Market values in yuan.
""",
    reads=(Read("daily_prices", over=window_days), Read("securities", over=window_and_formation_days)),
    schema=SCHEMA,
    sort=("symbol",),
    settings="styles",
    make="assets.factors.styles:make_styles",
    needs=NEEDS,
    checks=(
        Check(
            "mean_zero_on_universe",
            Between("mean", -1e-9, 1e-9),
            critical=True,
            remedy="this is a fault of the code; report it with the partition's folder",
        ),
        Check(
            "deviation_one_on_universe",
            Between("std", 1 - 1e-9, 1 + 1e-9),
            critical=True,
            remedy="this is a fault of the code; report it with the partition's folder",
        ),
        Check(
            "most_of_universe_measured",
            Between("coverage", 0.5, 1),
            critical=False,
            remedy="see which reference table lacks the names: reference/fundamentals, or prices of the window",
        ),
    ),
)

TABLES = (styles,)
