//! `manifest.json`: the files of a bill with their lengths and digests. It is written last; a folder without one is not a
//! bill.

use crate::{BillPrefix, Error};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Its name in the bill's folder.
pub const NAME: &str = "manifest.json";

/// The fields of a manifest that the run supplies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestHead {
    /// Time at which the run was created, in Unix seconds. A repeated run has the same.
    pub generated_at: i64,
    /// The last final version of this month, in whatever folder, if this one only adds lines to it. The new version gets a
    /// higher number.
    pub corrects: Option<u32>,
    /// Whether the bill is final.
    pub is_final: bool,
    /// The schemas of datasets that are among the files.
    pub schemas: Vec<Schema>,
}

/// Schema of the files of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    /// The dataset.
    pub dataset: &'static str,
    /// What the names of its files begin with.
    pub file: &'static str,
    /// The id of its schema.
    pub id: &'static str,
}

/// One file of a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name in the folder.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// Its SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
}

/// The manifest of one version of a bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The month, `2026-10`.
    pub billing_period: String,
    /// The customer's id.
    pub customer_id: i64,
    /// Version of the month's bill, from 1.
    pub version: u32,
    /// The final version to which this one only adds lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrects: Option<u32>,
    /// Whether the bill is final.
    #[serde(rename = "final", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    pub generated_at: String,
    /// The ids of the schemas of the FOCUS datasets among its files, by dataset. Earlier releases wrote none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub focus_schemas: BTreeMap<String, String>,
    /// Its files, ordered by name.
    pub files: Vec<FileEntry>,
}

impl Manifest {
    pub(crate) fn new(
        bill: &BillPrefix,
        version: u32,
        head: &ManifestHead,
        files: Vec<FileEntry>,
    ) -> Result<Self, Error> {
        let at = Timestamp::from_second(head.generated_at)
            .map_err(|_| Error::Invalid(format!("{} is not a time in Unix seconds", head.generated_at)))?;
        let is_there = |schema: &&Schema| files.iter().any(|file| file.name.starts_with(schema.file));
        let schemas = head.schemas.iter().filter(is_there);
        Ok(Manifest {
            billing_period: bill.billing_period().to_owned(),
            customer_id: bill.customer_id(),
            version,
            corrects: head.corrects,
            is_final: head.is_final,
            generated_at: at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            focus_schemas: schemas.map(|schema| (schema.dataset.to_owned(), schema.id.to_owned())).collect(),
            files,
        })
    }

    /// The file of this name.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Whether both bill the same lines at the same charges: their `bill….csv` files are equal. The time of generation does
    /// not count.
    pub fn bills_the_same(&self, files: &[FileEntry]) -> bool {
        let lines = |files: &[FileEntry]| -> Vec<FileEntry> {
            files.iter().filter(|file| is_lines(&file.name)).cloned().collect()
        };
        lines(&self.files) == lines(files)
    }

    /// The bytes that are published.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("strings and numbers");
        bytes.push(b'\n');
        bytes
    }
}

/// Whether a file of a bill can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(legal) && name != NAME
}

/// Whether a name is one of those that runs publish, `manifest.json` aside: `bill….csv`, `statement….json` and the like. No
/// other file is ever removed.
pub(crate) fn is_published(name: &str) -> bool {
    let (first, extension) = (name.split('.').next(), name.rsplit('.').next());
    is_name(name)
        && matches!(first, Some("bill" | "statement"))
        && matches!(extension, Some("csv" | "json" | "html" | "parquet"))
}

/// Whether a file has lines, in the input's columns or FOCUS's.
pub(crate) fn is_lines(name: &str) -> bool {
    name.starts_with("bill.") && name.ends_with(".csv")
}
