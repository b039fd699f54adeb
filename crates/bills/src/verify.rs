//! Whether what is there is what was billed.

use serde::Serialize;

/// What [`Bills::verify`](crate::Bills::verify) found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Every bill, ordered by its place.
    pub bills: Vec<VerifiedBill>,
    /// Folders of bills without a manifest: no bills. A run that died left them, or one is writing.
    pub unfinished: Vec<String>,
}

/// One bill.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifiedBill {
    /// Its place below the root, with a slash at the end.
    pub prefix: String,
    /// How many files its manifest names.
    pub files: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// What is billed, by currency, with the exact digits.
    pub totals: Vec<Total>,
    /// What is wrong. Empty: nothing.
    pub faults: Vec<String>,
}

/// What a bill comes to in one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    /// The ISO 4217 code.
    pub currency: String,
    /// The exact digits.
    pub charge: String,
}

impl VerifyReport {
    /// Whether nothing is wrong with any bill.
    pub fn is_good(&self) -> bool {
        self.bills.iter().all(|bill| bill.faults.is_empty())
    }
}
