//! What FOCUS calls metadata: who generates the datasets, which there are, and the schema of each, with its columns.
//!
//! A schema has an id, which the manifest of a bill names for each of its datasets. A change of columns, or of what is said of
//! them, needs a new id and date of the schema; a test knows what belongs to the present ones.

use crate::focus::COLUMNS;
use crate::invoice_detail::{DETAIL_COLUMNS, PERIOD_COLUMNS};
use crate::scale::CHARGE_PLACES;
use serde_json::{Value, json};

/// A dataset of FOCUS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FocusDataset {
    /// The lines of a bill: `bill.focus.csv`.
    CostAndUsage,
    /// What its statement charges: `statement.invoice-detail.csv`.
    InvoiceDetail,
    /// Whether its month is open: `statement.billing-period.csv`.
    BillingPeriod,
}

/// Digits that an amount can have.
const PRECISION: u8 = 38;

impl FocusDataset {
    /// All of them.
    pub const ALL: [FocusDataset; 3] =
        [FocusDataset::CostAndUsage, FocusDataset::InvoiceDetail, FocusDataset::BillingPeriod];

    /// Its id in the specification.
    pub fn id(self) -> &'static str {
        match self {
            FocusDataset::CostAndUsage => "CostAndUsage",
            FocusDataset::InvoiceDetail => "InvoiceDetail",
            FocusDataset::BillingPeriod => "BillingPeriod",
        }
    }

    /// What the names of its files begin with.
    pub fn file(self) -> &'static str {
        match self {
            FocusDataset::CostAndUsage => "bill.focus.",
            FocusDataset::InvoiceDetail => "statement.invoice-detail.",
            FocusDataset::BillingPeriod => "statement.billing-period.",
        }
    }

    /// The id of its schema.
    pub fn schema_id(self) -> &'static str {
        match self {
            FocusDataset::CostAndUsage => "1d0f5a52-6a0e-4f0c-9a86-0d3b0e6f7a01",
            FocusDataset::InvoiceDetail => "7be4c1d8-30b5-4f4f-8a55-52a9c4d6b102",
            FocusDataset::BillingPeriod => "c2a6f9e3-8f21-4f7e-9d3c-91e07b5a4c03",
        }
    }

    /// The version of the specification that it keeps to.
    fn focus_version(self) -> &'static str {
        match self {
            FocusDataset::CostAndUsage => "1.2",
            FocusDataset::InvoiceDetail | FocusDataset::BillingPeriod => "1.4",
        }
    }

    /// When its schema was made.
    fn schema_date(self) -> &'static str {
        "2026-11-30T00:00:00Z"
    }

    fn name(self) -> &'static str {
        match self {
            FocusDataset::CostAndUsage => "Cost and Usage",
            FocusDataset::InvoiceDetail => "Invoice Detail",
            FocusDataset::BillingPeriod => "Billing Period",
        }
    }

    /// The id of our instance of it.
    fn instance_id(self) -> &'static str {
        match self {
            FocusDataset::CostAndUsage => "5f9b0c1e-2d47-4c5a-b6b0-7d1c3c2f9d11",
            FocusDataset::InvoiceDetail => "e8a3d764-91bc-4a6e-8f02-2b7f60c51e12",
            FocusDataset::BillingPeriod => "03c7b2a9-5e68-4d1b-a4f7-c86d9e0b3f13",
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            FocusDataset::CostAndUsage => &COLUMNS,
            FocusDataset::InvoiceDetail => &DETAIL_COLUMNS,
            FocusDataset::BillingPeriod => &PERIOD_COLUMNS,
        }
    }

    fn schema(self) -> Value {
        let columns: Vec<Value> = self.columns().iter().map(|name| column(name)).collect();
        json!({
            "SchemaId": self.schema_id(),
            "DatasetInstanceId": self.instance_id(),
            "FocusVersion": self.focus_version(),
            "CreationDate": self.schema_date(),
            "ColumnDefinition": columns,
        })
    }
}

/// The definition of a column.
fn column(name: &str) -> Value {
    match name {
        _ if name.ends_with("Cost") => json!({
            "ColumnName": name, "DataType": "DECIMAL", "NumericPrecision": PRECISION, "NumberScale": CHARGE_PLACES,
        }),
        _ if name.ends_with("Quantity") || name.ends_with("UnitPrice") => {
            json!({ "ColumnName": name, "DataType": "DECIMAL", "NumericPrecision": PRECISION })
        }
        "x_Lines" => {
            json!({ "ColumnName": name, "DataType": "DECIMAL", "NumericPrecision": PRECISION, "NumberScale": 0 })
        }
        "BillingPeriodCreated"
        | "BillingPeriodLastUpdated"
        | "InvoiceDetailCreated"
        | "InvoiceDetailLastUpdated" => {
            json!({ "ColumnName": name, "DataType": "DATETIME" })
        }
        _ if name.ends_with("PeriodStart") || name.ends_with("PeriodEnd") || name.ends_with("Date") => {
            json!({ "ColumnName": name, "DataType": "DATETIME" })
        }
        // All tags are the customer's own.
        "Tags" => json!({ "ColumnName": name, "DataType": "JSON", "ProviderTagPrefixes": [] }),
        "InvoiceDetailGrain" => json!({ "ColumnName": name, "DataType": "JSON" }),
        _ => json!({ "ColumnName": name, "DataType": "STRING", "StringEncoding": "UTF-8" }),
    }
}

/// The metadata of these datasets, which `generator`, the partner, makes.
pub fn focus_metadata(generator: &str, datasets: &[FocusDataset]) -> Value {
    let instance = |dataset: &FocusDataset| {
        json!({
            "DatasetInstanceId": dataset.instance_id(),
            "DatasetInstanceName": dataset.name(),
            "FocusDatasetId": dataset.id(),
        })
    };
    json!({
        "DataGenerator": { "DataGenerator": generator },
        "DatasetInstance": datasets.iter().map(instance).collect::<Vec<_>>(),
        "Schema": datasets.iter().map(|dataset| dataset.schema()).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use twox_hash::XxHash3_128;

    /// A structure that was given an id is not changed under it.
    #[test]
    fn a_schema_that_changes_has_a_new_id() {
        let ids = FocusDataset::ALL.map(|dataset| {
            let schema = dataset.schema();
            assert_eq!(schema["ColumnDefinition"].as_array().unwrap().len(), dataset.columns().len());
            let of_columns = XxHash3_128::oneshot(schema["ColumnDefinition"].to_string().as_bytes());
            (dataset.schema_id(), format!("{of_columns:032x}"))
        });
        let known = [
            ("1d0f5a52-6a0e-4f0c-9a86-0d3b0e6f7a01", "782718ba5c58c9cb60fa20a4e555388b"),
            ("7be4c1d8-30b5-4f4f-8a55-52a9c4d6b102", "7676c447d9ac7d475c561bb3782cce2a"),
            ("c2a6f9e3-8f21-4f7e-9d3c-91e07b5a4c03", "f93e574976f6f4fed6272ab60b277893"),
        ];
        assert_eq!(ids, known.map(|(id, digest)| (id, digest.to_owned())));
    }

    #[test]
    fn metadata_has_what_the_specification_asks_for() {
        let metadata = focus_metadata("Contoso", &FocusDataset::ALL);
        assert_eq!(metadata["DataGenerator"], json!({ "DataGenerator": "Contoso" }));
        let (schemas, instances) =
            (metadata["Schema"].as_array().unwrap(), metadata["DatasetInstance"].as_array().unwrap());
        let mut ids = BTreeSet::new();
        for (schema, instance) in schemas.iter().zip(instances) {
            assert_eq!(schema["DatasetInstanceId"], instance["DatasetInstanceId"]);
            for id in [&schema["SchemaId"], &instance["DatasetInstanceId"]] {
                assert!(ids.insert(id.to_string()), "{id} is there twice");
            }
            let date: jiff::Timestamp = schema["CreationDate"].as_str().unwrap().parse().unwrap();
            assert!(date > jiff::Timestamp::UNIX_EPOCH);
            for column in schema["ColumnDefinition"].as_array().unwrap() {
                let kind = column["DataType"].as_str().unwrap();
                assert!(["STRING", "DECIMAL", "DATETIME", "JSON"].contains(&kind), "{column}");
                assert_eq!(column["NumericPrecision"].is_u64(), kind == "DECIMAL", "{column}");
                assert_eq!(
                    column["ProviderTagPrefixes"].is_array(),
                    column["ColumnName"] == "Tags",
                    "{column}"
                );
            }
        }
        assert_eq!(ids.len(), 2 * FocusDataset::ALL.len());
    }
}
