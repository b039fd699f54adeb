//! `manifest.json`: what a bill consists of. It is written last; a folder without one is no bill.

use crate::{BillPrefix, Error};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Its name in the bill's folder.
pub const NAME: &str = "manifest.json";

/// What the run knows of a bill beside its files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestHead {
    /// When the run was created, in Unix seconds: a repetition must say the same.
    pub generated_at: i64,
    /// Microsoft's invoice.
    pub invoice_id: Option<String>,
    /// The last of the final versions to which this one only adds lines, wherever they are; its own number is higher.
    pub corrects: Option<u32>,
    /// Whether it is what is owed, and its statements say so.
    pub is_final: bool,
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

/// What a bill consists of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The month, `2026-10`.
    pub billing_period: String,
    /// Whose bill it is.
    pub customer_id: i64,
    /// Which version of the month's bill, from 1.
    pub version: u32,
    /// The final version to which this one only adds lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrects: Option<u32>,
    /// Whether it is what is owed, and its statements say so.
    #[serde(rename = "final", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
    /// Microsoft's invoice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice_id: Option<String>,
    /// `YYYY-MM-DD HH:MM:SS`, UTC.
    pub generated_at: String,
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
            .map_err(|_| Error::Invalid(format!("{} is no time in Unix seconds", head.generated_at)))?;
        Ok(Manifest {
            billing_period: bill.billing_period().to_owned(),
            customer_id: bill.customer_id(),
            version,
            corrects: head.corrects,
            is_final: head.is_final,
            invoice_id: head.invoice_id.clone(),
            generated_at: at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            files,
        })
    }

    /// The file of this name.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }

    /// Whether both bill the same lines at the same charges: `bill.csv`, `bill.focus.csv` and their like are equal.
    /// When they were generated does not count.
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

/// Whether a bill's file can be called so.
pub(crate) fn is_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !name.is_empty() && !name.starts_with('.') && name.bytes().all(legal) && name != NAME
}

/// Whether this is a file of lines, in the input's columns or FOCUS's.
pub(crate) fn is_lines(name: &str) -> bool {
    name.starts_with("bill.") && name.ends_with(".csv")
}
