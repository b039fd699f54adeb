//! `index.json` in a customer's folder: the current version of each bill. It is derived from the database and replaced as a
//! whole.

use crate::key::folder_key;
use crate::store::Store;
use crate::{Error, ObjectVersion};
use serde::Serialize;

/// One customer's bill of one month.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IndexedBill {
    /// The month, `2026-10`.
    pub billing_period: String,
    /// The customer's id.
    pub customer_id: i64,
    /// `Estimated` or `Final`; none if this folder has only corrections of the month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
    /// The partner's numbers of the statements, one for each currency; none of estimates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statement_numbers: Vec<String>,
    /// The version that the statement is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<IndexedVersion>,
    /// The versions that only have lines which came in after the month was final.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<IndexedVersion>,
}

/// A version of a bill.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct IndexedVersion {
    /// Its number.
    pub version: u32,
    /// Its folder, relative to the index, with a slash at the end: `2026-10/3947/v2/`.
    pub path: String,
}

/// The bytes of an index, with what FOCUS calls the metadata of the datasets in the folder.
pub fn index_bytes(bills: &[IndexedBill], focus_metadata: &serde_json::Value) -> Vec<u8> {
    #[derive(Serialize)]
    struct Index<'a> {
        bills: &'a [IndexedBill],
        focus_metadata: &'a serde_json::Value,
    }
    let mut bytes = serde_json::to_vec_pretty(&Index { bills, focus_metadata }).expect("strings and numbers");
    bytes.push(b'\n');
    bytes
}

/// Its name, beside the folders of the months.
pub const NAME: &str = "index.json";

impl Store {
    pub(crate) async fn read_index(&self, partner: i64, folder: &str) -> Result<ObjectVersion, Error> {
        self.read_version(&format!("{}/{NAME}", folder_key(partner, folder))).await
    }

    /// Replaces an index; `false` if it is not the one that was read any more.
    pub(crate) async fn replace_index(
        &self,
        partner: i64,
        folder: &str,
        read: &ObjectVersion,
        bytes: Vec<u8>,
    ) -> Result<bool, Error> {
        self.prepare().await?;
        self.replace_version(&format!("{}/{NAME}", folder_key(partner, folder)), read, bytes).await
    }
}
