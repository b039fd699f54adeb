"""chDB: a bill.csv per customer, and the sums. python peer_chdb.py FILE OUT"""
import sys

import chdb

from columns import shown

file, out = sys.argv[1:]
types = ", ".join(f"`{column}` String" for column in open(file).readline().strip().split(","))
lines = f"file('{file}', 'CSVWithNames', '{types}')"
cost = "toDecimal128(BillingPreTaxTotal, 16)"
# Decimals are divided as decimals, cut off at the 16th place and rounded at the 10th.
factor = "if(PartnerEarnedCreditPercentage = '15', 400, 340)"
charge = f"toDecimal128(round({cost} * {factor} / 289, 10), 10)"
settings = "SETTINGS max_threads = 2, max_partitions_per_insert_block = 100000, engine_file_allow_create_multiple_files = 1"
chdb.query(
    f"""INSERT INTO FUNCTION file('{out}/{{_partition_id}}.csv', 'CSVWithNames') PARTITION BY CustomerId
    SELECT {", ".join(shown(file))}, {charge} AS Charge, BillingCurrency AS ChargeCurrency FROM {lines} {settings}"""
)
print(chdb.query(f"SELECT count(), sum({cost}), sum({charge}) FROM {lines} SETTINGS max_threads = 2"))
