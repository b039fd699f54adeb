"""DuckDB: a bill.csv per customer, and the sums. python peer_duckdb.py FILE OUT"""
import sys

import duckdb

from columns import shown

file, out = sys.argv[1:]
db = duckdb.connect()
db.execute("SET threads = 2")
db.execute("SET preserve_insertion_order = false")
db.execute("SET partitioned_write_max_open_files = 10000")
lines = f"read_csv('{file}', header = true, all_varchar = true, quote = '\"', escape = '\"')"
# DuckDB divides decimals as floating point, so the division is one of 128-bit integers: half is rounded up.
cost = "CAST(CAST(BillingPreTaxTotal AS DECIMAL(34, 16)) * 10000000000000000 AS HUGEINT)"
factor = "CASE PartnerEarnedCreditPercentage WHEN '15' THEN 400 ELSE 340 END"
charge = f"CAST(({cost} * {factor} + 144500000) // 289000000 AS DECIMAL(27, 0)) * 0.0000000001"
db.execute(
    f"""CREATE TEMP TABLE priced AS SELECT {", ".join(shown(file))}, {charge} AS Charge, BillingCurrency AS ChargeCurrency,
    CustomerId AS of, CAST(BillingPreTaxTotal AS DECIMAL(34, 16)) AS cost FROM {lines}"""
)
print(db.execute("SELECT count(*), sum(cost), sum(Charge) FROM priced").fetchone())
db.execute(
    f"""COPY (SELECT * EXCLUDE (cost) FROM priced)
    TO '{out}' (FORMAT csv, HEADER, PARTITION_BY (of), FILENAME_PATTERN 'bill')"""
)
