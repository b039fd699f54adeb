"""Polars: a bill.csv per customer, and the sums. python peer_polars.py FILE OUT"""
import os
import sys

os.environ["POLARS_MAX_THREADS"] = "2"
import polars as pl

from columns import shown

file, out = sys.argv[1:]
cost = pl.col("BillingPreTaxTotal").cast(pl.Decimal(38, 16))
factor = pl.when(pl.col("PartnerEarnedCreditPercentage") == "15").then(pl.lit(400)).otherwise(pl.lit(340))
priced = (
    pl.scan_csv(file, infer_schema=False)
    .with_columns(cost.alias("cost"), (cost * factor.cast(pl.Decimal(38, 0)) / pl.lit(289).cast(pl.Decimal(38, 0))).round(10).alias("Charge"))
    .with_columns(pl.col("BillingCurrency").alias("ChargeCurrency"))
    .select([*shown(file), "Charge", "ChargeCurrency", "cost"])
    .collect()
)
print(priced.select(pl.len(), pl.col("cost").sum(), pl.col("Charge").sum()).row(0))
for (customer,), lines in priced.drop("cost").partition_by("CustomerId", as_dict=True).items():
    os.makedirs(f"{out}/{customer}")
    lines.write_csv(f"{out}/{customer}/bill.csv")
