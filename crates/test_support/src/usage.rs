//! Files of line items, and the runs that bill them.

use crate::{Api, wait_for};
use serde_json::Value;
use std::time::Duration;

/// A line of daily rated usage.
#[derive(Clone, Copy)]
pub struct Usage<'a> {
    pub tenant: &'a str,
    pub day: &'a str,
    pub meter: &'a str,
    pub total: &'a str,
    pub currency: &'a str,
}

/// A line of October.
pub fn line<'a>(tenant: &'a str, meter: &'a str, total: &'a str) -> Usage<'a> {
    Usage { tenant, day: "2026-10-07", meter, total, currency: "USD" }
}

const COLUMNS: &str = "PartnerId,PartnerName,CustomerId,CustomerName,CustomerDomainName,CustomerCountry,MpnId,Tier2MpnId,\
    InvoiceNumber,ProductId,SkuId,AvailabilityId,SkuName,ProductName,PublisherName,PublisherId,SubscriptionDescription,\
    SubscriptionId,ChargeStartDate,ChargeEndDate,UsageDate,MeterType,MeterCategory,MeterId,MeterSubCategory,MeterName,\
    MeterRegion,Unit,ResourceLocation,ConsumedService,ResourceGroup,ResourceURI,ChargeType,UnitPrice,Quantity,UnitType,\
    BillingPreTaxTotal,BillingCurrency,PricingPreTaxTotal,PricingCurrency,ServiceInfo1,ServiceInfo2,Tags,AdditionalInfo,\
    EffectiveUnitPrice,PCToBCExchangeRate,PCToBCExchangeRateDate,EntitlementId,EntitlementDescription,\
    PartnerEarnedCreditPercentage,CreditPercentage,CreditType,BenefitOrderId,BenefitId,BenefitType";

/// A file of daily rated usage.
pub fn usage(lines: &[Usage<'_>]) -> String {
    let mut text = format!("{COLUMNS}\n");
    for Usage { tenant, day, meter, total, currency } in lines {
        let value = |column: &str| match column {
            "CustomerId" => (*tenant).to_owned(),
            "CustomerName" => format!("Tenant {tenant}"),
            // An invoice belongs to one month.
            "InvoiceNumber" if day.starts_with("2026-10") => "G012345678".to_owned(),
            "InvoiceNumber" => format!("G0{}", &day[..7]),
            "PartnerName" => "Contoso Partners".to_owned(),
            "SubscriptionId" => format!("sub-{tenant}"),
            "UsageDate" | "ChargeStartDate" | "ChargeEndDate" | "PCToBCExchangeRateDate" => (*day).to_owned(),
            "MeterCategory" | "MeterName" => (*meter).to_owned(),
            "PublisherName" => "Microsoft".to_owned(),
            "ChargeType" => "new".to_owned(),
            "Quantity" | "PCToBCExchangeRate" => "1".to_owned(),
            "UnitPrice" | "EffectiveUnitPrice" | "BillingPreTaxTotal" | "PricingPreTaxTotal" => {
                (*total).to_owned()
            }
            "BillingCurrency" | "PricingCurrency" => (*currency).to_owned(),
            "PartnerEarnedCreditPercentage" => "0".to_owned(),
            _ => String::new(),
        };
        let cells: Vec<String> = COLUMNS.split(',').map(|column| value(column.trim())).collect();
        text += &(cells.join(",") + "\n");
    }
    text
}

/// The run at this place, once it has ended.
pub fn end_of(api: &Api, path: &str) -> Value {
    wait_for(Duration::from_secs(60), || {
        let run = api.get(path).json();
        if ["queued", "running"].contains(&run["state"].as_str().unwrap()) { Err(run) } else { Ok(run) }
    })
}
