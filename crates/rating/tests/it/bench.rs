//! What the tests stand on: files of lines, a job over them, and what came out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tenantry_rating::{
    BilledCustomer, Bounds, EarnedCredit, Failure, Input, Job, NewPriceRule, PriceRule, RunReport, Tenancy,
    Terms, run,
};

/// The columns of a daily rated usage file, in Microsoft's order.
pub(crate) const USAGE: &str = "PartnerId,PartnerName,CustomerId,CustomerName,CustomerDomainName,CustomerCountry,MpnId,\
    Tier2MpnId,InvoiceNumber,ProductId,SkuId,AvailabilityId,SkuName,ProductName,PublisherName,PublisherId,\
    SubscriptionDescription,SubscriptionId,ChargeStartDate,ChargeEndDate,UsageDate,MeterType,MeterCategory,MeterId,\
    MeterSubCategory,MeterName,MeterRegion,Unit,ResourceLocation,ConsumedService,ResourceGroup,ResourceURI,ChargeType,\
    UnitPrice,Quantity,UnitType,BillingPreTaxTotal,BillingCurrency,PricingPreTaxTotal,PricingCurrency,ServiceInfo1,\
    ServiceInfo2,Tags,AdditionalInfo,EffectiveUnitPrice,PCToBCExchangeRate,PCToBCExchangeRateDate,EntitlementId,\
    EntitlementDescription,PartnerEarnedCreditPercentage,CreditPercentage,CreditType,BenefitOrderId,BenefitId,BenefitType";

/// The columns of a reconciliation file, in Microsoft's order.
pub(crate) const RECONCILIATION: &str = "PartnerId,CustomerId,CustomerName,CustomerDomainName,CustomerCountry,InvoiceNumber,\
    MpnId,ResellerMpnId,OrderId,OrderDate,ProductId,SkuId,AvailabilityId,SkuName,ProductName,ChargeType,UnitPrice,\
    Quantity,Subtotal,TaxTotal,Total,Currency,PriceAdjustmentDescription,PublisherName,PublisherId,\
    SubscriptionDescription,SubscriptionId,ChargeStartDate,ChargeEndDate,TermAndBillingCycle,EffectiveUnitPrice,UnitType,\
    AlternateId,BillableQuantity,BillingFrequency,PricingCurrency,PCToBCExchangeRate,PCToBCExchangeRateDate,\
    MeterDescription,ReservationOrderId,CreditReasonCode,SubscriptionStartDate,SubscriptionEndDate,ReferenceId,\
    ProductQualifiers,PromotionId";

/// A line by its columns; those not named are empty.
pub(crate) type Line = BTreeMap<&'static str, String>;

/// A line of these columns.
pub(crate) fn line(cells: &[(&'static str, &str)]) -> Line {
    cells.iter().map(|(column, cell)| (*column, (*cell).to_owned())).collect()
}

/// Messages as reports have them in English.
pub(crate) fn texts(messages: &[tenantry_rating::Message]) -> Vec<String> {
    messages.iter().map(|message| message.text.clone()).collect()
}

/// A line of usage of the tenant `a` that costs so much.
pub(crate) fn usage(cost: &str) -> Line {
    line(&[
        ("CustomerId", "a"),
        ("InvoiceNumber", "G1"),
        ("ProductName", "Azure plan"),
        ("UsageDate", "2026-10-05"),
        ("MeterCategory", "Storage"),
        ("Quantity", "2"),
        ("Unit", "1 Hour"),
        ("ProductId", "P"),
        ("SkuId", "S"),
        ("EntitlementId", "sub-1"),
        ("EntitlementDescription", "First"),
        ("BillingPreTaxTotal", cost),
        ("BillingCurrency", "USD"),
        ("PartnerEarnedCreditPercentage", "0"),
    ])
}

/// A licence of the tenant `a` that costs so much.
pub(crate) fn licence(cost: &str) -> Line {
    line(&[
        ("CustomerId", "a"),
        ("InvoiceNumber", "G1"),
        ("ProductName", "Microsoft 365 E3"),
        ("ProductId", "CFQ7"),
        ("SkuId", "0001"),
        ("ChargeType", "new"),
        ("Quantity", "1"),
        ("Subtotal", cost),
        ("TaxTotal", "0"),
        ("Total", cost),
        ("Currency", "USD"),
        ("SubscriptionId", "sub-9"),
        ("ChargeStartDate", "10/1/2026"),
        ("ChargeEndDate", "10/31/2026"),
    ])
}

/// A line with some cells changed.
pub(crate) fn with(mut line: Line, cells: &[(&'static str, &str)]) -> Line {
    line.extend(cells.iter().map(|(column, cell)| (*column, (*cell).to_owned())));
    line
}

/// The lines as CSV with this header.
pub(crate) fn csv_of(columns: &str, lines: &[Line]) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns: Vec<&str> = columns.split(',').map(str::trim).collect();
    writer.write_record(&columns).unwrap();
    for line in lines {
        for column in line.keys() {
            assert!(columns.contains(column), "{column} is no column");
        }
        writer
            .write_record(columns.iter().map(|column| line.get(column).map_or("", String::as_str)))
            .unwrap();
    }
    writer.into_inner().unwrap()
}

/// Folders and a job: two customers, `a` and `b`, with margins of 20 % and none, and `c`, who is not billed.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
    pub(crate) job: Job,
    outs: usize,
}

pub(crate) fn customer(id: i64, tenant: &str, margin: &str) -> BilledCustomer {
    BilledCustomer {
        id,
        name: format!("Customer {tenant}"),
        address: vec!["12 Main Street".to_owned(), "Springfield".to_owned()],
        tenants: vec![Tenancy::from(tenant)],
        terms: vec![Terms {
            from: None,
            billing_enabled: true,
            margin: domain::Margin::parse(margin).unwrap(),
        }],
        folder: String::new(),
        previous_charge: Vec::new(),
        corrections: Vec::new(),
        payable_with: None,
        released: false,
    }
}

impl Bench {
    pub(crate) fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let mut off = customer(3, "c", "0");
        off.terms[0].billing_enabled = false;
        let job = Job {
            period: "2026-10".parse().unwrap(),
            invoice_id: None,
            issuer: "Tailspin Toys".to_owned(),
            issuer_address: vec!["1 Toy Street".to_owned()],
            generated_at: 1_793_491_200,
            finalize: false,
            inputs: Vec::new(),
            customers: vec![customer(1, "a", "20"), customer(2, "b", "0"), off],
            final_bills: Vec::new(),
            other_months: Vec::new(),
            acknowledged: Vec::new(),
            billed_invoices: Vec::new(),
            rules: Vec::new(),
            price_sheets: Vec::new(),
            currency_rates: Vec::new(),
            earned_credit: EarnedCredit::Kept,
            expected_totals: Vec::new(),
            // Lines of no customer are in many of these files.
            bounds: Bounds { max_unassigned: "1000000".parse().unwrap(), ..Bounds::default() },
            accept: Vec::new(),
            parquet: false,
            focus_datasets: false,
            threads: 2,
            max_source_bytes: u64::MAX,
            out: PathBuf::new(),
            dry_run: false,
        };
        Bench { folder, job, outs: 0 }
    }

    /// Adds a file to the job.
    pub(crate) fn file(&mut self, name: &str, bytes: &[u8]) -> &mut Bench {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        self.job.inputs.push(Input { name: name.to_owned(), path });
        self
    }

    /// Gives the job a price sheet.
    pub(crate) fn price_sheet(&mut self, name: &str, bytes: &[u8]) -> &mut Bench {
        self.file(name, bytes);
        self.job.price_sheets.extend(self.job.inputs.pop());
        self
    }

    pub(crate) fn rule(&mut self, json: &serde_json::Value) -> &mut Bench {
        let details = NewPriceRule::parse(&domain::Json::from(json)).unwrap();
        self.job.rules.push(PriceRule { id: self.job.rules.len() as i64 + 1, details });
        self
    }

    /// Runs the job into a folder of its own.
    pub(crate) fn run(&mut self) -> Result<RunReport, Failure> {
        self.outs += 1;
        self.job.out = self.folder.path().join(format!("out-{}", self.outs));
        std::fs::create_dir(&self.job.out).unwrap();
        let result = run(&self.job, &());
        if result.is_err() || self.job.dry_run {
            assert_eq!(std::fs::read_dir(&self.job.out).unwrap().count(), 0, "nothing is left behind");
        }
        result
    }

    /// The sentences of what is wrong.
    pub(crate) fn refused(&mut self) -> Vec<String> {
        match self.run() {
            Err(Failure::Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.job.out.join(name);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// All files of the run, by their path in it.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        fn walk(folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>, root: &Path) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, files, root);
                } else {
                    files.insert(path.strip_prefix(root).unwrap().to_owned(), std::fs::read(&path).unwrap());
                }
            }
        }
        let mut files = BTreeMap::new();
        walk(&self.job.out, &mut files, &self.job.out);
        files
    }

    /// The records of a CSV file of the run, by column.
    pub(crate) fn table(&self, name: &str) -> Vec<BTreeMap<String, String>> {
        records(self.read(name).as_bytes())
    }

    /// One column of it.
    pub(crate) fn column(&self, name: &str, column: &str) -> Vec<String> {
        self.table(name).into_iter().map(|mut record| record.remove(column).unwrap()).collect()
    }
}

/// The records of a CSV file, by their columns.
pub(crate) fn records(csv: &[u8]) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(csv);
    let header = reader.headers().unwrap().clone();
    let records = reader.records().map(Result::unwrap);
    records
        .map(|record| header.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect())
        .collect()
}
