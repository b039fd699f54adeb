"""A customer with a bill for October, so that there is a statement to be read."""

import json
import sys
import time
import urllib.request

url, key, invoices = sys.argv[1:]
LINE = {
    "CustomerId": "34fdg", "CustomerName": "Tenant 34fdg", "InvoiceNumber": "G012345678", "PartnerName": "Contoso",
    "SubscriptionId": "sub-1", "ChargeStartDate": "2026-10-07", "ChargeEndDate": "2026-10-07", "UsageDate": "2026-10-07",
    "MeterCategory": "Storage", "MeterId": "", "MeterSubCategory": "", "MeterName": "Storage", "MeterRegion": "",
    "PublisherName": "Microsoft", "ChargeType": "new", "UnitPrice": "12.5", "Quantity": "1", "BillingPreTaxTotal": "12.5",
    "BillingCurrency": "USD", "PricingPreTaxTotal": "12.5", "PricingCurrency": "USD", "EffectiveUnitPrice": "12.5",
    "PCToBCExchangeRate": "1", "PCToBCExchangeRateDate": "2026-10-07", "PartnerEarnedCreditPercentage": "0",
}
EMPTY = (
    "PartnerId,CustomerDomainName,CustomerCountry,MpnId,Tier2MpnId,ProductId,SkuId,AvailabilityId,SkuName,ProductName,"
    "PublisherId,SubscriptionDescription,MeterType,Unit,ResourceLocation,ConsumedService,ResourceGroup,ResourceURI,UnitType,"
    "ServiceInfo1,ServiceInfo2,Tags,AdditionalInfo,EntitlementId,EntitlementDescription,CreditPercentage,CreditType,"
    "BenefitOrderId,BenefitId,BenefitType"
).split(",")


def ask(method, path, body=None):
    request = urllib.request.Request(url + path, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Authorization", f"Bearer {key}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


with open(f"{invoices}/october.csv", "w", encoding="utf-8") as file:
    row = LINE | dict.fromkeys(EMPTY, "")
    file.write(",".join(row) + "\n" + ",".join(row.values()) + "\n")
ask("POST", "/v1/customers", {
    "name": "Billed Corp", "azure_customer_id": "34fdg", "partner_billing_configuration": {"enabled": True, "folder": "b"},
})
run = ask("POST", "/v1/bill_runs", {"billing_period": "2026-10", "sources": ["file:october.csv"]})
given_up = time.monotonic() + 60
while run["state"] in ("queued", "running") and time.monotonic() < given_up:
    time.sleep(0.1)
    run = ask("GET", f"/v1/bill_runs/{run['id']}")
assert run["state"] == "succeeded", run
