"""What all peers do: the columns of a bill, and the charge of a line in exact decimals.

A margin of 15 %, the earned credit (15 % or none) kept: cost / 0.85 / 0.85 = cost * 400 / 289, or cost * 340 / 289, to ten
places. Costs have at most 16.
"""
HIDDEN = """UnitPrice BillingPreTaxTotal BillingCurrency PricingPreTaxTotal PricingCurrency ServiceInfo1 ServiceInfo2
AdditionalInfo EffectiveUnitPrice PCToBCExchangeRate PCToBCExchangeRateDate PartnerEarnedCreditPercentage CreditPercentage
CreditType BenefitOrderId BenefitId BenefitType""".split()


def shown(file):
    with open(file) as lines:
        header = lines.readline().strip().split(",")
    return [column for column in header if column not in HIDDEN]
