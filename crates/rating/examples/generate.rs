//! Writes a daily rated usage file as Microsoft's are, for the benches: 55 columns, some 870 bytes a line, lines of all
//! customers mixed, quotes where real files have them. Beside it FILE.tenants, a tenant a line.
//!
//!     cargo run --release -p tenantry-rating --example generate -- LINES CUSTOMERS FILE

use std::fs::File;
use std::io::{BufWriter, Write};

/// SplitMix64 (Steele, Lea, Flood 2014): the same file every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

fn guid(of: u64, what: u64) -> String {
    let mut random = Random(of.wrapping_mul(1_000_003).wrapping_add(what));
    let (a, b) = (random.next(), random.next());
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xffff,
        b >> 48,
        b & 0xffff_ffff_ffff
    )
}

const METERS: [(&str, &str, &str, &str, &str); 10] = [
    ("Virtual Machines", "Dv5 Series", "D4s v5", "1 Hour", "Microsoft.Compute/virtualMachines"),
    ("Virtual Machines", "BS Series", "B2s, Low Priority", "1 Hour", "Microsoft.Compute/virtualMachines"),
    ("Storage", "Premium SSD Managed Disks", "P10 LRS Disk", "1/Month", "Microsoft.Compute/disks"),
    (
        "Storage",
        "Tiered Block Blob",
        "Hot LRS Data Stored",
        "1 GB/Month",
        "Microsoft.Storage/storageAccounts",
    ),
    (
        "Bandwidth",
        "Rtn Preference: MGN",
        "Standard Data Transfer Out",
        "1 GB",
        "Microsoft.Network/publicIPAddresses",
    ),
    ("SQL Database", "Single/Elastic Pool General Purpose", "vCore", "1 Hour", "Microsoft.Sql/servers"),
    ("Azure App Service", "Premium v3 Plan", "P1 v3 App", "1 Hour", "Microsoft.Web/serverfarms"),
    (
        "Log Analytics",
        "",
        "Analytics Logs Data Ingestion",
        "1 GB",
        "Microsoft.OperationalInsights/workspaces",
    ),
    ("Azure Cosmos DB", "serverless", "1M RUs", "1M", "Microsoft.DocumentDB/databaseAccounts"),
    ("Key Vault", "", "Operations", "10K", "Microsoft.KeyVault/vaults"),
];
const REGIONS: [(&str, &str); 4] = [
    ("EU West", "westeurope"),
    ("US East", "eastus"),
    ("DE West Central", "germanywestcentral"),
    ("AP Southeast", "southeastasia"),
];

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse::<u64>().ok());
    let (Some(lines), Some(customers)) = (number(), number()) else {
        eprintln!("usage: generate LINES CUSTOMERS FILE");
        std::process::exit(2);
    };
    let name = arguments.next().unwrap_or_else(|| "usage.csv".to_owned());
    let tenants: String = (0..customers).map(|customer| guid(customer, 2) + "\n").collect();
    std::fs::write(format!("{name}.tenants"), tenants)?;
    let file = File::create(name)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    writeln!(
        out,
        "PartnerId,PartnerName,CustomerId,CustomerName,CustomerDomainName,CustomerCountry,MpnId,Tier2MpnId,InvoiceNumber,\
         ProductId,SkuId,AvailabilityId,SkuName,ProductName,PublisherName,PublisherId,SubscriptionDescription,\
         SubscriptionId,ChargeStartDate,ChargeEndDate,UsageDate,MeterType,MeterCategory,MeterId,MeterSubCategory,\
         MeterName,MeterRegion,Unit,ResourceLocation,ConsumedService,ResourceGroup,ResourceURI,ChargeType,UnitPrice,\
         Quantity,UnitType,BillingPreTaxTotal,BillingCurrency,PricingPreTaxTotal,PricingCurrency,ServiceInfo1,\
         ServiceInfo2,Tags,AdditionalInfo,EffectiveUnitPrice,PCToBCExchangeRate,PCToBCExchangeRateDate,EntitlementId,\
         EntitlementDescription,PartnerEarnedCreditPercentage,CreditPercentage,CreditType,BenefitOrderId,BenefitId,\
         BenefitType"
    )?;
    let mut random = Random(42);
    let partner = guid(1, 1);
    for _ in 0..lines {
        let customer = random.below(customers);
        let subscription = customer * 8 + random.below(4);
        let (category, sub_category, meter, unit, kind) = METERS[random.below(METERS.len() as u64) as usize];
        let meter_id = guid(category.len() as u64 * 100 + meter.len() as u64, 3);
        let (region, location) = REGIONS[random.below(4) as usize];
        let day = 1 + random.below(31);
        let resource = random.below(40);
        // Prices in 10^-10, quantities in 10^-6: their products are exact in 10^-16.
        let price = 1_000_000 + random.below(40_000_000_000);
        let quantity = if random.below(50) == 0 { random.below(3_000) } else { random.below(24_000_000) };
        let credit = if random.below(10) < 9 { 15 } else { 0 };
        let effective = price - price * credit / 100;
        let total = u128::from(effective) * u128::from(quantity);
        let sign = if random.below(200) == 0 { "-" } else { "" };
        let decimal = |count: u128, places: usize| {
            let digits = format!("{count:0width$}", width = places + 1);
            let (whole, fraction) = digits.split_at(digits.len() - places);
            let fraction = fraction.trim_end_matches('0');
            if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
        };
        let name = if customer.is_multiple_of(7) {
            format!("\"Contoso {customer}, Ltd.\"")
        } else {
            format!("Fabrikam {customer}")
        };
        let meter_cell = if meter.contains(',') { format!("\"{meter}\"") } else { meter.to_owned() };
        let group = format!("rg-{}-prod-{}", customer % 100, resource % 8);
        let entitlement = guid(subscription, 4);
        writeln!(
            out,
            "{partner},Tailspin Toys Cloud Services,{},{name},customer{customer}.onmicrosoft.com,DE,1234567,,G012345678,\
             DZH318Z0BPS6,0001,DZH318Z0BPR3,Azure plan,Azure plan,Microsoft,,Microsoft Azure,{},10/1/2026,10/31/2026,\
             10/{day}/2026,{unit} - {category},{category},{meter_id},{sub_category},{meter_cell},{region},{unit},{location},\
             {},{group},/subscriptions/{entitlement}/resourceGroups/{group}/providers/{kind}/res{resource:03}-{customer},\
             new,{},{sign}{},{unit},{sign}{},EUR,{sign}{},USD,,,\
             \"{{\"\"env\"\":\"\"prod\"\",\"\"cost-center\"\":\"\"{:04}\"\",\"\"owner\"\":\"\"team{}\"\"}}\",\
             \"{{\"\"ServiceType\"\":\"\"Standard_D4s_v5\"\"}}\",\
             {},1,0001-01-01,{entitlement},Azure subscription {subscription},{credit},,,,,",
            guid(customer, 2),
            guid(customer, 5),
            kind.split('/').next().unwrap_or_default(),
            decimal(price.into(), 10),
            decimal(quantity.into(), 6),
            decimal(total, 16),
            decimal(total, 16),
            resource * 13,
            resource % 9,
            decimal(effective.into(), 10),
        )?;
    }
    out.flush()
}
